//! Tasks have an owner who waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pitcrew_work::Tasks;
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn stop_waits_until_every_task_has_ended() {
    let tasks = Tasks::new();
    let ended = Arc::new(AtomicUsize::new(0));
    for _ in 0..10 {
        let (tasks_within, ended) = (tasks.clone(), Arc::clone(&ended));
        tasks.spawn("worker", async move {
            tasks_within.stopping().await;
            // Some last work after being told.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            ended.fetch_add(1, Ordering::SeqCst);
        });
    }
    tasks.stop(PATIENCE).await;
    assert_eq!(ended.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn stop_does_not_wait_for_ever() {
    let tasks = Tasks::new();
    let (_never, wait) = oneshot::channel::<()>();
    tasks.spawn("deaf", async move {
        let _forever = wait.await;
    });
    tasks.stop(Duration::from_millis(1)).await;
    assert!(tasks.token().is_cancelled());
}

#[tokio::test]
async fn a_panicking_task_does_not_hold_up_the_end() {
    let tasks = Tasks::new();
    tasks.spawn("broken", async { panic!("a defect") });
    tasks.stop(PATIENCE).await;
}
