//! Where objects are kept: below the home folder, or in a bucket that the command line names and `AWS_...` variables tell how to reach.

use std::path::PathBuf;

use pitcrew_blob::{Options, S3};
use pitcrew_kernel::{Error, Result};

/// Of a service that is not AWS and was given without one; most have no regions.
const NO_REGION: &str = "us-east-1";
/// Lengths that S3 allows for a bucket's name.
const BUCKET_LEN: std::ops::RangeInclusive<usize> = 3..=63;
const PREFIX_LEN_MAX: usize = 200;

/// How to open the objects of a server: in the bucket that `url` names, else in `folder`, which holds only what is on its way to the bucket then.
/// `variable` gives a variable of the environment.
pub(crate) fn options(
    url: Option<&str>,
    folder: PathBuf,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Options> {
    let Some(url) = url else { return Ok(Options::Local(folder)) };
    let (bucket, prefix) = place(url)?;
    let endpoint = variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL"));
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = region.or_else(|| endpoint.is_some().then(|| NO_REGION.to_owned())).ok_or_else(|| {
        invalid("the region of the bucket is not known".to_owned())
            .hint("set AWS_REGION; for a service that is not AWS also AWS_ENDPOINT_URL")
    })?;
    Ok(Options::S3(S3 {
        bucket,
        prefix,
        region,
        endpoint,
        access_key_id: variable("AWS_ACCESS_KEY_ID"),
        secret_access_key: variable("AWS_SECRET_ACCESS_KEY"),
        session_token: variable("AWS_SESSION_TOKEN"),
        scratch: folder,
    }))
}

/// Bucket and prefix of `s3://bucket/prefix`.
fn place(url: &str) -> Result<(String, String)> {
    let shape = |why: String| invalid(why).hint("write it like `s3://bucket` or `s3://bucket/some/prefix`");
    // Somebody who puts a key here must not find it in a log.
    if url.contains('@') {
        return Err(shape("the address of the objects has a user or key in it".to_owned()).hint(
            "give keys as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and the address like `s3://bucket/prefix`",
        ));
    }
    let rest = url.strip_prefix("s3://").ok_or_else(|| shape(format!("`{url}` is not an address of objects")))?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_edge = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_name = BUCKET_LEN.contains(&bucket.len())
        && bucket.chars().all(|letter| is_edge(letter) || letter == '-' || letter == '.')
        && bucket.starts_with(is_edge)
        && bucket.ends_with(is_edge);
    if !is_name {
        return Err(shape(format!("`{bucket}` is not the name of a bucket")));
    }
    let prefix = prefix.trim_end_matches('/');
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.=".contains(letter))
    };
    let is_prefix = prefix.is_empty() || (prefix.len() <= PREFIX_LEN_MAX && prefix.split('/').all(is_plain));
    if !is_prefix {
        return Err(shape(format!("`{prefix}` cannot be a prefix"))
            .hint("use letters, digits, `-`, `_`, `.` and `=`, with single slashes between"));
    }
    Ok((bucket.to_owned(), prefix.to_owned()))
}

fn invalid(why: String) -> Error {
    Error::invalid("BLOB_OPTIONS_INVALID", why)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn with(url: &str, variables: &[(&str, &str)]) -> Result<Options> {
        let of = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        options(Some(url), "/home/objects".into(), of)
    }

    fn s3(url: &str, variables: &[(&str, &str)]) -> S3 {
        match with(url, variables).unwrap() {
            Options::S3(s3) => s3,
            Options::Local(folder) => panic!("local: {folder:?}"),
        }
    }

    #[test]
    fn without_an_address_objects_are_in_the_home_folder() {
        let options = options(None, "/home/objects".into(), |_| None).unwrap();
        assert!(matches!(options, Options::Local(folder) if folder.as_path() == Path::new("/home/objects")));
    }

    #[test]
    fn an_address_and_the_standard_variables_make_a_bucket() {
        let found = s3(
            "s3://models/team/a/",
            &[
                ("AWS_REGION", "eu-central-1"),
                ("AWS_ACCESS_KEY_ID", "id"),
                ("AWS_SECRET_ACCESS_KEY", "s"),
                ("AWS_SESSION_TOKEN", "t"),
            ],
        );
        assert_eq!((found.bucket.as_str(), found.prefix.as_str()), ("models", "team/a"));
        assert_eq!((found.region.as_str(), found.endpoint), ("eu-central-1", None));
        assert_eq!(found.access_key_id.as_deref(), Some("id"));
        assert_eq!((found.secret_access_key.as_deref(), found.session_token.as_deref()), (Some("s"), Some("t")));
        assert_eq!(found.scratch, PathBuf::from("/home/objects"));
    }

    #[test]
    fn the_narrower_variable_counts_and_a_service_elsewhere_needs_no_region() {
        let both = [("AWS_ENDPOINT_URL", "https://all.example"), ("AWS_ENDPOINT_URL_S3", "https://s3.example")];
        let found = s3("s3://models", &both);
        assert_eq!((found.endpoint.as_deref(), found.region.as_str()), (Some("https://s3.example"), NO_REGION));
        let regions = [("AWS_DEFAULT_REGION", "eu-west-1"), ("AWS_REGION", "eu-west-2")];
        assert_eq!(s3("s3://models", &regions).region, "eu-west-2");
        let error = with("s3://models", &[]).unwrap_err();
        assert!(error.detail().contains("region") && error.hint_text().unwrap().contains("AWS_REGION"));
    }

    #[test]
    fn other_addresses_are_refused_and_keys_in_them_not_repeated() {
        let region = [("AWS_REGION", "eu-central-1")];
        for bad in [
            "models",
            "",
            "s3://",
            "s3://ab",
            "s3://Models",
            "s3://-models",
            "s3://models/../a",
            "s3://models//a",
            "s3://models/a b",
            "s3://models/a?x=1",
            "s3://models?x=1",
            "s3:/models",
            "https://s3.example/models",
            "file:///models",
        ] {
            let error = with(bad, &region).unwrap_err();
            assert_eq!(error.code(), "BLOB_OPTIONS_INVALID", "{bad}");
            assert!(error.hint_text().is_some());
        }
        let error = with("s3://AKIA:verysecret@models/a", &region).unwrap_err();
        assert!(!format!("{error:?} {:?}", error.hint_text()).contains("verysecret"));
    }
}
