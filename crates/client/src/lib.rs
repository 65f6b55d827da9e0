//! A thin client of the native HTTP API, for the command line and the demo: JSON in and out, problems as [`Error`], events as they come.

mod error;
mod events;

pub use events::{EventStream, StreamEvent};

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use pitcrew_kernel::{Error, Result};
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;

use crate::error::{from_reqwest, from_response};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than the longest wait the server offers (`/rest`).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(180);

/// A name as one segment of a path, or as one value of a query.
pub fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A server to talk to. Cheap to clone; connections are kept and shared.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

impl Client {
    /// A client of the server at `url` (`http://127.0.0.1:7070`), with a bearer token if it asks for one.
    ///
    /// # Errors
    /// `URL_INVALID`.
    pub fn new(url: &str, token: Option<String>) -> Result<Self> {
        let base: Url = url.parse().map_err(|source| {
            Error::invalid("URL_INVALID", format!("`{url}` is not an address of a server"))
                .hint("write it like `http://127.0.0.1:7070`")
                .with_source(source)
        })?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .no_proxy()
            .build()
            .map_err(|source| Error::internal("the HTTP client cannot start", source))?;
        Ok(Self { http, base, token })
    }

    /// The server's address without a final slash.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// GET, JSON back. `path` starts with `/` and may carry a query.
    ///
    /// # Errors
    /// The server's problem, or `SERVER_UNREACHABLE`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        json(self.send(self.request(Method::GET, path)?).await?).await
    }

    /// GET of a list: its pages put together, until `max` items are there; `next` says whether there are more.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn list(&self, path: &str, max: usize) -> Result<Value> {
        let mut all = self.get(path).await?;
        let join = if path.contains('?') { '&' } else { '?' };
        while let Some(token) = all.get("next").and_then(Value::as_str).map(str::to_owned) {
            let have = all.get("items").and_then(Value::as_array).map_or(0, Vec::len);
            if have >= max {
                break;
            }
            let mut page = self.get(&format!("{path}{join}page={}", escaped(&token))).await?;
            let more = page.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
            if let Some(items) = all.get_mut("items").and_then(Value::as_array_mut) {
                items.extend(more);
            }
            all["next"] = page.get("next").cloned().unwrap_or(Value::Null);
        }
        Ok(all)
    }

    /// POST of JSON, JSON back.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        json(self.send(self.request(Method::POST, path)?.json(body)).await?).await
    }

    /// POST of JSON with headers, JSON back.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Result<Value> {
        let request = self.request(Method::POST, path)?.json(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        json(self.send(request).await?).await
    }

    /// PUT of JSON, JSON back.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        json(self.send(self.request(Method::PUT, path)?.json(body)).await?).await
    }

    /// PATCH of JSON, JSON back.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        json(self.send(self.request(Method::PATCH, path)?.json(body)).await?).await
    }

    /// PUT of bytes that come in pieces, JSON back. It may take as long as it takes.
    ///
    /// # Errors
    /// As [`Client::get`]; what a piece gives makes the call fail as unreachable.
    pub async fn put_pieces(
        &self,
        path: &str,
        pieces: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<Value> {
        let request = self.authorized(self.http.put(self.address(path)?)).body(reqwest::Body::wrap_stream(pieces));
        json(self.send(request).await?).await
    }

    /// GET of bytes as they come. It may take as long as it takes.
    ///
    /// # Errors
    /// As [`Client::get`], and `SERVER_UNREACHABLE` when the connection breaks between two pieces.
    pub async fn pieces(&self, path: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let response = self.send(self.authorized(self.http.get(self.address(path)?))).await?;
        let url = self.url().to_owned();
        Ok(response.bytes_stream().map(move |piece| piece.map_err(|error| from_reqwest(&url, error))).boxed())
    }

    /// DELETE, JSON back.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete(&self, path: &str) -> Result<Value> {
        json(self.send(self.request(Method::DELETE, path)?).await?).await
    }

    /// DELETE with JSON, JSON back.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn delete_with(&self, path: &str, body: &Value) -> Result<Value> {
        json(self.send(self.request(Method::DELETE, path)?.json(body)).await?).await
    }

    /// GET of text that grows (a log): the text from `offset` on, and where the next reading starts.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn text(&self, path: &str) -> Result<(String, u64)> {
        let response = self.send(self.request(Method::GET, path)?).await?;
        let next =
            response.headers().get("x-next-offset").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        let text = response.text().await.map_err(|error| from_reqwest(self.url(), error))?;
        Ok((text, next))
    }

    /// Server-sent events from `path`, after the event with the id `last`.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn events(&self, path: &str, last: Option<&str>) -> Result<EventStream> {
        let mut request = self.http.get(self.address(path)?).header("accept", "text/event-stream");
        if let Some(id) = last {
            request = request.header("last-event-id", id);
        }
        Ok(EventStream::new(self.send(self.authorized(request)).await?, self.url().to_owned()))
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        Ok(self.authorized(self.http.request(method, self.address(path)?)).timeout(REQUEST_TIMEOUT))
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn address(&self, path: &str) -> Result<Url> {
        format!("{}{path}", self.url()).parse().map_err(|source| {
            Error::invalid("URL_INVALID", format!("`{path}` does not make an address")).with_source(source)
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await.map_err(|error| from_reqwest(self.url(), error))?;
        if response.status().is_success() { Ok(response) } else { Err(from_response(response).await) }
    }
}

async fn json(response: Response) -> Result<Value> {
    let url = response.url().to_string();
    let bytes = response.bytes().await.map_err(|error| from_reqwest(&url, error))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|source| {
        Error::unavailable("ANSWER_INVALID", format!("`{url}` did not answer JSON"))
            .hint("is this the address of a pitcrew server?")
            .with_source(source)
    })
}
