//! Calls to a receiver on this machine: where they go, and what they never do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pitcrew_outbound::{Exception, Message, Outbound, Policy, Resolve, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A receiver that keeps what it hears and gives every caller the same answer.
struct Receiver {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    async fn open(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let keep = Arc::clone(&heard);
        tasks.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                one(stream, &keep, &answer).await;
            }
        });
        Self { port, heard, _tasks: tasks }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Reads one request to the end of its JSON, answers, and holds the connection until the caller lets go.
async fn one(mut stream: TcpStream, heard: &Mutex<Vec<String>>, answer: &[u8]) {
    let (mut text, mut part) = (Vec::new(), [0; 4_096]);
    while !text.ends_with(b"}") {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(read) => text.extend_from_slice(&part[..read]),
        }
    }
    heard.lock().unwrap().push(String::from_utf8(text).unwrap());
    let _gone = stream.write_all(answer).await;
    while matches!(stream.read(&mut part).await, Ok(read) if read > 0) {}
}

fn message() -> Message {
    Message { headers: vec![("x-test", "yes".to_owned())], body: "{}".to_owned() }
}

/// Answers each question with the next list of addresses, the last one for ever, and counts the questions.
fn resolver(answers: &[&[&str]]) -> (Resolve, Arc<AtomicUsize>) {
    let answers: Vec<Vec<IpAddr>> =
        answers.iter().map(|list| list.iter().map(|text| text.parse().unwrap()).collect()).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let resolve: Resolve = Arc::new(move |_host| {
        let turn = count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        let answer = answers[turn].clone();
        Box::pin(async move { Ok(answer) })
    });
    (resolve, asked)
}

fn excepting(exceptions: &[&str]) -> Policy {
    Policy { loopback: false, exceptions: exceptions.iter().map(|text| text.parse::<Exception>().unwrap()).collect() }
}

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_call_goes_to_the_address_that_was_looked_at() {
    let receiver = Receiver::open(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok".to_vec()).await;
    // A name server that answers differently the second time is never asked a second time.
    let (resolve, asked) = resolver(&[&["127.0.0.1"], &["192.0.2.1"]]);
    let outbound = Outbound::with_resolver(excepting(&["hooks.test"]), resolve);
    let hook = target(&format!("http://hooks.test:{}/path?key=1", receiver.port));
    let answer = outbound.post(&hook, message()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (201, "ok"));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let heard = receiver.heard().remove(0);
    assert!(heard.starts_with("POST /path?key=1 HTTP/1.1\r\n"), "{heard}");
    for header in [
        format!("host: hooks.test:{}", receiver.port),
        "x-test: yes".to_owned(),
        "content-type: application/json".to_owned(),
    ] {
        assert!(heard.contains(&format!("{header}\r\n")), "{heard}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_before_anything_is_sent() {
    let receiver = Receiver::open(Vec::new()).await;
    for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "fd00:ec2::254", "::ffff:127.0.0.1", "0.0.0.0"] {
        // One public address beside it does not make it better.
        let (resolve, _) = resolver(&[&["8.8.8.8", inside]]);
        let outbound = Outbound::with_resolver(Policy::default(), resolve);
        let hook = target(&format!("http://hooks.test:{}/secret", receiver.port));
        let error = outbound.post(&hook, message()).await.unwrap_err();
        assert_eq!(error.code(), "OUTBOUND_REFUSED", "{inside}");
        assert!(error.detail().contains(inside) && !error.detail().contains("secret"), "{error:?}");
    }
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn an_address_in_place_of_a_name_is_looked_at_too() {
    let receiver = Receiver::open(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let (resolve, asked) = resolver(&[&["8.8.8.8"]]);
    let strict = Outbound::with_resolver(Policy::default(), resolve);
    let port = receiver.port;
    for inside in ["127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::]", "0"] {
        let error = strict.post(&target(&format!("http://{inside}:{port}/")), message()).await.unwrap_err();
        assert_eq!(error.code(), "OUTBOUND_REFUSED", "{inside}");
    }
    assert!(receiver.heard().is_empty());
    let here = Outbound::new(Policy { loopback: true, exceptions: Vec::new() });
    assert_eq!(here.post(&target(&format!("http://127.0.0.1:{port}/")), message()).await.unwrap().status, 200);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let receiver = Receiver::open(
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n".to_vec(),
    )
    .await;
    let here = Outbound::new(Policy { loopback: true, exceptions: Vec::new() });
    let answer = here.post(&target(&format!("http://127.0.0.1:{}/", receiver.port)), message()).await.unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(receiver.heard().len(), 1);
}

#[tokio::test]
async fn of_a_long_answer_only_the_beginning_is_read() {
    let mut long = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n".to_vec();
    long.extend_from_slice(&[b'x'; 200_000]);
    let receiver = Receiver::open(long).await;
    let here = Outbound::new(Policy { loopback: true, exceptions: Vec::new() });
    let answer = here.post(&target(&format!("http://127.0.0.1:{}/", receiver.port)), message()).await.unwrap();
    assert_eq!(answer.body.len(), 64 * 1024);
}

#[tokio::test]
async fn who_never_answers_is_not_waited_for() {
    let receiver = Receiver::open(Vec::new()).await;
    let here = Outbound::new(Policy { loopback: true, exceptions: Vec::new() }).patient(Duration::from_millis(20));
    let error =
        here.post(&target(&format!("http://127.0.0.1:{}/a?key=1", receiver.port)), message()).await.unwrap_err();
    assert_eq!(error.code(), "OUTBOUND_UNREACHABLE");
    assert!(error.detail().contains("did not answer") && !format!("{error:?}").contains("key=1"), "{error:?}");
}

#[tokio::test]
async fn nobody_there_and_no_such_name_may_pass() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let here = Outbound::new(Policy { loopback: true, exceptions: Vec::new() });
    let error = here.post(&target(&format!("http://{free}/")), message()).await.unwrap_err();
    assert_eq!(error.code(), "OUTBOUND_UNREACHABLE");
    let nowhere: Resolve = Arc::new(|_| Box::pin(async { Err(std::io::Error::other("no such name")) }));
    let outbound = Outbound::with_resolver(Policy::default(), nowhere);
    assert_eq!(outbound.look(&target("https://hooks.test/")).await.unwrap_err().code(), "OUTBOUND_UNREACHABLE");
    let (crowd, _) = resolver(&[&["8.8.8.8"; 65]]);
    let outbound = Outbound::with_resolver(Policy::default(), crowd);
    assert_eq!(outbound.look(&target("https://hooks.test/")).await.unwrap_err().code(), "OUTBOUND_REFUSED");
}
