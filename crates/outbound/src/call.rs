//! One call: resolved once, looked at, connected to what was looked at, answered within limits.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pitcrew_kernel::{Error, Result};
use reqwest::dns::{Name, Resolving};

use crate::policy::Policy;
use crate::target::Target;

/// How long a name may take to resolve.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a call may take once it knows where to go, the answer's body included.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes; the rest is left unread.
const MAX_ANSWER: usize = 64 * 1024;
/// Addresses of one name that are looked at; a name with more is refused.
const MAX_ADDRESSES: usize = 64;

/// Where a name leads, as a resolver answers.
pub type Resolved = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
/// Asks where a name leads. The system's own resolver unless a test hands in another.
pub type Resolve = Arc<dyn Fn(String) -> Resolved + Send + Sync>;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// Headers, by lower-case name.
    pub headers: Vec<(&'static str, String)>,
    /// The body, JSON.
    pub body: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, shortened to a limit; what is no text is replaced.
    pub body: String,
}

/// Makes the calls.
#[derive(Clone)]
pub struct Outbound {
    policy: Arc<Policy>,
    resolve: Resolve,
    patience: Duration,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Outbound {
    /// Calls within `policy`.
    pub fn new(policy: Policy) -> Self {
        Self::with_resolver(policy, Arc::new(|host| Box::pin(ask_the_system(host))))
    }

    /// The same with another source of addresses.
    pub fn with_resolver(policy: Policy, resolve: Resolve) -> Self {
        Self { policy: Arc::new(policy), resolve, patience: PATIENCE }
    }

    /// The same with another patience for each call.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Resolves the target and looks at every address it leads to.
    ///
    /// # Errors
    /// `OUTBOUND_REFUSED` when one of them may not be called, `OUTBOUND_UNREACHABLE` when there is none.
    pub async fn look(&self, target: &Target) -> Result<Vec<IpAddr>> {
        let host = target.host();
        let addresses = match host.parse::<IpAddr>() {
            Ok(literal) => vec![literal],
            Err(_) => self.resolved(host).await?,
        };
        for address in &addresses {
            self.policy
                .allows(host, *address)
                .map_err(|place| refused(host, &format!("{address}, which is {place}")))?;
        }
        Ok(addresses)
    }

    async fn resolved(&self, host: &str) -> Result<Vec<IpAddr>> {
        let asked = tokio::time::timeout(RESOLVE_PATIENCE, (self.resolve)(host.to_owned())).await;
        let addresses = match asked {
            Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
            Ok(Ok(_)) => return Err(unreachable(&format!("`{host}` has no address"))),
            Ok(Err(error)) => return Err(unreachable(&format!("`{host}` cannot be resolved")).with_source(error)),
            Err(_) => return Err(unreachable(&format!("resolving `{host}` took longer than {RESOLVE_PATIENCE:?}"))),
        };
        if addresses.len() > MAX_ADDRESSES {
            return Err(refused(host, &format!("more than {MAX_ADDRESSES} addresses")));
        }
        Ok(addresses)
    }

    /// Posts JSON to the target. Whatever status it answers is an answer; redirects are not followed.
    ///
    /// # Errors
    /// `OUTBOUND_REFUSED`, `OUTBOUND_UNREACHABLE`. Neither names more of the target than its origin.
    pub async fn post(&self, target: &Target, message: Message) -> Result<Answer> {
        let addresses = self.look(target).await?;
        let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, target.port())).collect();
        let http = self.client(LookedAt(sockets))?;
        let mut request = http.post(target.url()).header("content-type", "application/json").body(message.body);
        for (name, value) in message.headers {
            request = request.header(name, value);
        }
        let failed =
            |error: reqwest::Error| unreachable(&format!("{target} {}", why(&error))).with_source(error.without_url());
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while body.len() < MAX_ANSWER {
            let Some(chunk) = response.chunk().await.map_err(failed)? else { break };
            body.extend_from_slice(&chunk[..chunk.len().min(MAX_ANSWER - body.len())]);
        }
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// A client for one call: a connection that is kept could outlive the look at its address.
    fn client(&self, addresses: LookedAt) -> Result<reqwest::Client> {
        reqwest::Client::builder()
            .dns_resolver(Arc::new(addresses))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(self.patience)
            .pool_max_idle_per_host(0)
            .user_agent("pitcrew")
            .build()
            .map_err(|source| Error::internal("the client for outbound calls cannot start", source))
    }
}

async fn ask_the_system(host: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((host, 0)).await?;
    Ok(found.map(|socket| socket.ip()).collect())
}

/// Knows only the addresses that were looked at, whatever name it is asked for.
struct LookedAt(Vec<SocketAddr>);

impl reqwest::dns::Resolve for LookedAt {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: reqwest::dns::Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

fn why(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "did not answer in time"
    } else if error.is_connect() {
        "cannot be connected to"
    } else {
        "broke off"
    }
}

fn refused(host: &str, leads_to: &str) -> Error {
    Error::precondition("OUTBOUND_REFUSED", format!("`{host}` may not be called: it leads to {leads_to}"))
        .hint("if it is meant, start the server with `--allow-webhook-host` and the host or its range of addresses")
}

fn unreachable(what: &str) -> Error {
    Error::unavailable("OUTBOUND_UNREACHABLE", what.to_owned())
}
