//! Server-sent events (WHATWG HTML, section 9.2), as much of them as our server sends.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use pitcrew_kernel::{Error, Result};
use serde_json::Value;

/// A line longer than this is no event of ours.
const MAX_PENDING: usize = 4 * 1024 * 1024;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// Its id, to resume after it.
    pub id: Option<String>,
    /// Its name; `message` when the server gave none.
    pub name: String,
    /// Its data.
    pub data: Value,
}

/// Events as they come.
pub struct EventStream {
    body: futures_util::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    parser: Parser,
    url: String,
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").field("url", &self.url).finish_non_exhaustive()
    }
}

impl EventStream {
    pub(crate) fn new(response: reqwest::Response, url: String) -> Self {
        Self { body: response.bytes_stream().boxed(), parser: Parser::default(), url }
    }

    /// The next event; `None` when the server has ended the stream.
    ///
    /// # Errors
    /// `SERVER_UNREACHABLE` when the connection broke: resume with the last id.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>> {
        loop {
            if let Some(event) = self.parser.ready.pop_front() {
                return Ok(Some(event));
            }
            match self.body.next().await {
                Some(Ok(piece)) => self.parser.feed(&piece)?,
                Some(Err(error)) => return Err(crate::error::from_reqwest(&self.url, error)),
                None => return Ok(None),
            }
        }
    }
}

#[derive(Default)]
struct Parser {
    pending: Vec<u8>,
    id: Option<String>,
    name: String,
    data: String,
    ready: VecDeque<StreamEvent>,
}

impl Parser {
    fn feed(&mut self, piece: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(piece);
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            self.line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        }
        if self.pending.len() > MAX_PENDING {
            return Err(Error::too_large("EVENT_TOO_LARGE", "the server sent an event without end"));
        }
        Ok(())
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = Some(value.to_owned()),
            "event" => self.name = value.to_owned(),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // A comment keeps the connection alive; other fields are not for us.
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        if name.is_empty() && data.is_empty() {
            return;
        }
        let name = if name.is_empty() { "message".to_owned() } else { name };
        let data = serde_json::from_str(&data).unwrap_or(Value::String(data));
        self.ready.push_back(StreamEvent { id: self.id.clone(), name, data });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_at_blank_lines_however_the_bytes_arrive() {
        let text = b": hello\n\nid: 4\nevent: run\ndata: {\"a\":1}\n\nevent: end\ndata: \n\n";
        let mut parser = Parser::default();
        for byte in text {
            parser.feed(&[*byte]).ok();
        }
        let events: Vec<StreamEvent> = parser.ready.into();
        assert_eq!(events.len(), 2);
        assert_eq!(
            events[0],
            StreamEvent { id: Some("4".into()), name: "run".into(), data: serde_json::json!({"a": 1}) }
        );
        assert_eq!(events[1].name, "end");
    }
}
