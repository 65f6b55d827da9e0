//! A bucket in memory: dates by the test's clock, counts what is written, fails when told to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use pitcrew_kernel::{Clock as _, FakeClock, Timestamp};

#[derive(Debug)]
pub(crate) struct Bucket(Arc<Shared>);

struct Shared {
    inner: InMemory,
    clock: FakeClock,
    dates: Mutex<BTreeMap<Path, Timestamp>>,
    down: AtomicBool,
    puts: AtomicUsize,
    parts: AtomicUsize,
    aborted: AtomicUsize,
}

/// What was written so far.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) struct Written {
    /// In one request.
    pub(crate) puts: usize,
    /// Parts of larger ones.
    pub(crate) parts: usize,
    /// Larger ones that were ended before their end.
    pub(crate) aborted: usize,
}

impl Bucket {
    pub(crate) fn new(clock: &FakeClock) -> Self {
        Self(Arc::new(Shared {
            inner: InMemory::new(),
            clock: clock.clone(),
            dates: Mutex::default(),
            down: AtomicBool::new(false),
            puts: AtomicUsize::new(0),
            parts: AtomicUsize::new(0),
            aborted: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn written(&self) -> Written {
        let of = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        Written { puts: of(&self.0.puts), parts: of(&self.0.parts), aborted: of(&self.0.aborted) }
    }

    /// From now on no request that lists or writes succeeds, or again all do.
    pub(crate) fn be_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    /// Puts other bytes in an object's place; its date stays.
    pub(crate) fn damage(&self, hex: &str, bytes: &[u8]) {
        let key = Path::from(format!("objects/{}/{hex}", &hex[..2]));
        let put = self.0.inner.put(&key, PutPayload::from(bytes.to_vec()));
        put.now_or_never().expect("memory never waits").unwrap();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

impl Shared {
    fn is_up(&self) -> Result<()> {
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::Generic { store: "S3", source: "the bucket is down".into() });
        }
        Ok(())
    }

    fn date(&self, key: &Path) {
        self.dates.lock().unwrap().insert(key.clone(), self.clock.now());
    }

    fn dated(&self, meta: ObjectMeta) -> ObjectMeta {
        let at = self.dates.lock().unwrap()[&meta.location].micros().unsigned_abs();
        ObjectMeta { last_modified: (UNIX_EPOCH + Duration::from_micros(at)).into(), ..meta }
    }
}

#[async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(&self, key: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.is_up()?;
        self.0.puts.fetch_add(1, Ordering::SeqCst);
        let put = self.0.inner.put_opts(key, payload, options).await?;
        self.0.date(key);
        Ok(put)
    }

    async fn put_multipart_opts(&self, key: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let parts = self.0.inner.put_multipart_opts(key, options).await?;
        Ok(Box::new(Parts { parts, key: key.clone(), bucket: Arc::clone(&self.0) }))
    }

    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        let got = self.0.inner.get_opts(key, options).await?;
        Ok(GetResult { meta: self.0.dated(got.meta.clone()), ..got })
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.inner.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if let Err(error) = self.0.is_up() {
            return futures_util::stream::iter([Err(error)]).boxed();
        }
        let bucket = Arc::clone(&self.0);
        self.0.inner.list(prefix).map(move |meta| meta.map(|meta| bucket.dated(meta))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct Parts {
    parts: Box<dyn MultipartUpload>,
    key: Path,
    bucket: Arc<Shared>,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if let Err(error) = self.bucket.is_up() {
            return Box::pin(async move { Err(error) });
        }
        self.bucket.parts.fetch_add(1, Ordering::SeqCst);
        self.parts.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.bucket.is_up()?;
        let put = self.parts.complete().await?;
        self.bucket.date(&self.key);
        Ok(put)
    }

    async fn abort(&mut self) -> Result<()> {
        self.bucket.aborted.fetch_add(1, Ordering::SeqCst);
        self.parts.abort().await
    }
}
