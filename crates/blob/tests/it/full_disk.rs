//! A full and a read-only disk. Needs the right to mount a small tmpfs; says so and passes when there is none.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use pitcrew_blob::{Blobs, Options};
use pitcrew_kernel::{FakeClock, Timestamp};
use tempfile::TempDir;

use crate::open;

struct Tmpfs(TempDir);

impl Tmpfs {
    fn mount() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        if run("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs"], folder.path()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: mounting a tmpfs is not allowed here");
        None
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        run("umount", &["-l"], self.0.path());
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let output = Command::new(program).args(arguments).arg(path).output();
    output.is_ok_and(|output| output.status.success())
}

fn clock() -> FakeClock {
    FakeClock::at(Timestamp::from_millis(1_750_000_000_000))
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let Some(disk) = Tmpfs::mount() else { return };
    let blobs = open(disk.0.path(), &clock());
    let kept = blobs.put("kept").await.unwrap();
    let error = blobs.put(vec![1; 2 << 20]).await.unwrap_err();
    assert_eq!(error.code(), "DISK_FULL");
    assert!(error.hint_text().is_some());
    let mut upload = blobs.upload().await.unwrap();
    let failed = upload.write(Bytes::from(vec![2; 2 << 20])).await.unwrap_err();
    assert_eq!(failed.code(), "DISK_FULL");
    assert_eq!(upload.write(Bytes::from(vec![2; 1 << 20])).await.unwrap_err().code(), "BLOB_UPLOAD_OVER");
    drop(upload);
    let small = blobs.put(vec![3; 100_000]).await.expect("the space of the failed writes is free again");
    assert_eq!(blobs.get(&kept).await.unwrap(), "kept");
    blobs.verify(&small).await.unwrap();
}

#[tokio::test]
async fn a_read_only_disk_reads_and_refuses_writes() {
    let Some(disk) = Tmpfs::mount() else { return };
    let kept = open(disk.0.path(), &clock()).put("kept").await.unwrap();
    assert!(run("mount", &["-o", "remount,ro"], disk.0.path()));
    let blobs = open(disk.0.path(), &clock());
    assert_eq!(blobs.get(&kept).await.unwrap(), "kept");
    assert_eq!(blobs.put("new").await.unwrap_err().code(), "BLOB_READ_ONLY");
    assert_eq!(blobs.upload().await.map(|_| ()).unwrap_err().code(), "BLOB_READ_ONLY");
    let elsewhere = Options::Local(disk.0.path().join("more"));
    let refused = Blobs::open(&elsewhere, std::sync::Arc::new(clock()));
    assert_eq!(refused.map(|_| ()).unwrap_err().code(), "BLOB_READ_ONLY");
}
