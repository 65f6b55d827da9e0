//! Where objects are kept.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::signer::Signer;
use object_store::{ObjectStore, RetryConfig};
use pitcrew_kernel::{Error, Result};

use crate::errors;

/// How often a request to the service is repeated, each time after a longer pause: about six seconds in all.
const RETRIES_MAX: usize = 6;
/// No request is repeated once this is over.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);

/// Where objects are kept.
#[derive(Debug, Clone)]
pub enum Options {
    /// A folder on the local disk; made when absent. One process at a time may have it open.
    Local(PathBuf),
    /// A bucket of an S3 service.
    S3(S3),
}

/// A bucket of an S3 service. A rule on the bucket should end incomplete multipart uploads after a day.
#[derive(Clone)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// A prefix of every key, without slashes at its ends; empty for none.
    pub prefix: String,
    /// The region, like `eu-central-1`.
    pub region: String,
    /// The address of the service when it is not AWS. Plain `http://` is accepted for loopback addresses only.
    pub endpoint: Option<String>,
    /// A session's token, when the key was given for one.
    pub session_token: Option<String>,
    /// The key id; with none the machine's own role is used.
    pub access_key_id: Option<String>,
    /// The secret of that key.
    pub secret_access_key: Option<String>,
    /// A local folder for objects on their way to the bucket.
    pub scratch: PathBuf,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl S3 {
    pub(crate) fn connect(&self) -> Result<(Arc<dyn ObjectStore>, Signing)> {
        if self.bucket.is_empty() {
            return Err(Error::invalid("BLOB_OPTIONS_INVALID", "the S3 store has no bucket").hint("name the bucket"));
        }
        let retries = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
        let mut builder =
            AmazonS3Builder::new().with_bucket_name(&self.bucket).with_region(&self.region).with_retry(retries);
        if let Some(endpoint) = &self.endpoint {
            let plain = may_be_plain(endpoint)?;
            builder = builder.with_endpoint(endpoint.trim_end_matches('/')).with_allow_http(plain);
        }
        match (&self.access_key_id, &self.secret_access_key) {
            (Some(id), Some(secret)) => {
                builder = builder.with_access_key_id(id).with_secret_access_key(secret);
                if let Some(token) = &self.session_token {
                    builder = builder.with_token(token);
                }
            }
            (None, None) => {}
            _ => {
                return Err(Error::invalid("BLOB_OPTIONS_INVALID", "the S3 key id and its secret go together")
                    .hint("give both, or neither to use the machine's own role"));
            }
        }
        let store = builder.build().map_err(|source| {
            Error::invalid("BLOB_OPTIONS_INVALID", "the S3 store is not configured completely")
                .hint("check bucket, region and endpoint")
                .with_source(source)
        })?;
        let signing = Signing { bucket: Arc::new(store.clone()), prefix: Key::from(self.prefix.as_str()) };
        if self.prefix.is_empty() {
            return Ok((Arc::new(store), signing));
        }
        Ok((Arc::new(PrefixStore::new(store, self.prefix.as_str())), signing))
    }
}

/// Makes addresses at which the service itself hands an object out, to whoever holds the address, for a while.
#[derive(Debug)]
pub(crate) struct Signing {
    bucket: Arc<dyn Signer>,
    prefix: Key,
}

impl Signing {
    pub(crate) async fn sign(&self, key: &Key, life: Duration) -> Result<String> {
        let whole = Key::from_iter(self.prefix.parts().chain(key.parts()));
        // The service checks the time by its own clock; nothing is sent here.
        let get = "GET".parse().map_err(|source| Error::internal("a method has no name", "GET").with_source(source))?;
        let signed = self.bucket.signed_url(get, &whole, life).await;
        Ok(signed.map_err(|source| errors::store("signing an address", None, source))?.to_string())
    }
}

/// Whether this address is reached without encryption; an address for which that is not safe is refused.
fn may_be_plain(endpoint: &str) -> Result<bool> {
    let refused = |why: String, hint: &'static str| Err(Error::invalid("BLOB_OPTIONS_INVALID", why).hint(hint));
    // Names before an `@` would hide where the address leads, and a password there would be printed.
    if endpoint.contains('@') {
        return refused(
            "the S3 endpoint has a user in it".to_owned(),
            "give the key on its own, and only host and port here",
        );
    }
    match endpoint.split_once("://") {
        Some(("https", _)) => Ok(false),
        Some(("http", rest)) if is_loopback(rest) => Ok(true),
        Some(("http", _)) => refused(
            format!("the S3 endpoint `{endpoint}` would send objects unencrypted"),
            "use an `https://` address; `http://` is accepted for loopback addresses only",
        ),
        _ => refused(
            format!("the S3 endpoint `{endpoint}` is not an address"),
            "write it like `https://store.example:9000`",
        ),
    }
}

fn is_loopback(address: &str) -> bool {
    let host = address.split(['/', '?', '#']).next().unwrap_or_default();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _port)) => name,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> S3 {
        S3 {
            bucket: "objects".into(),
            prefix: "team/a".into(),
            region: "eu-central-1".into(),
            endpoint: Some("http://127.0.0.1:9000".into()),
            session_token: Some("also secret".into()),
            access_key_id: Some("id".into()),
            secret_access_key: Some("very secret".into()),
            scratch: "/nowhere".into(),
        }
    }

    #[test]
    fn a_bucket_is_configured_without_reaching_it() {
        assert!(bucket().connect().is_ok());
        assert!(S3 { endpoint: None, access_key_id: None, secret_access_key: None, ..bucket() }.connect().is_ok());
        assert!(S3 { endpoint: Some("http://[::1]:9000".into()), ..bucket() }.connect().is_ok());
    }

    #[tokio::test]
    async fn an_address_leads_to_the_object_and_holds_no_secret() {
        let (_, signing) = bucket().connect().unwrap();
        let url = signing.sign(&Key::from("objects/ab/abcd"), Duration::from_secs(60)).await.unwrap();
        assert!(url.starts_with("http://127.0.0.1:9000/objects/team/a/objects/ab/abcd?X-Amz-"), "{url}");
        assert!(url.contains("X-Amz-Expires=60") && !url.contains("very"), "{url}");
    }

    #[test]
    fn unsafe_or_half_options_are_refused() {
        for bad in [
            S3 { endpoint: Some("http://store.example:9000".into()), ..bucket() },
            S3 { endpoint: Some("http://127.0.0.1.example".into()), ..bucket() },
            S3 { endpoint: Some("http://127.0.0.1:9000@store.example".into()), ..bucket() },
            S3 { endpoint: Some("HTTP://store.example:9000".into()), ..bucket() },
            S3 { endpoint: Some("store.example:9000".into()), ..bucket() },
            S3 { secret_access_key: None, ..bucket() },
            S3 { bucket: String::new(), ..bucket() },
        ] {
            assert_eq!(bad.connect().map(|_| ()).unwrap_err().code(), "BLOB_OPTIONS_INVALID", "{bad:?}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let printed = format!("{:?}", Options::S3(bucket()));
        assert!(printed.contains("objects") && !printed.contains("secret"), "{printed}");
    }
}
