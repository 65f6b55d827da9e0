//! The fields of a request, from a JSON body or a query string, as MLflow's protocol buffers read them.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use pitcrew_kernel::{Error, Result};
use pitcrew_web::Problem;
use serde_json::{Map, Value};

const SEE_DOCS: &str = "See the API docs for more information about request parameters.";

/// The fields of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    values: Map<String, Value>,
    /// Fields of a query string are all text, and a list of one looks like none.
    query: bool,
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            let (mut parts, _) = request.into_parts();
            let pairs = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(&mut parts, state).await;
            let axum::extract::Query(pairs) =
                pairs.map_err(|rejection| Problem(wrong(format!("Bad Request. {}", rejection.body_text()))))?;
            return Ok(Self::of_query(pairs));
        }
        let needs_type = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH);
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let json = kind.and_then(|kind| kind.split(';').next()).is_some_and(|kind| kind.trim() == "application/json");
        if needs_type && !json {
            let message = match kind {
                Some(_) => "Bad Request. Content-Type must be one of ['application/json'].",
                None => "Bad Request. Content-Type header is missing.",
            };
            return Err(Problem(wrong(message.to_owned())));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            Problem(if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Error::too_large("BODY_TOO_LARGE", "the body is larger than this route takes")
            } else {
                Error::invalid("BODY_INCOMPLETE", "the body did not arrive whole").with_source(rejection)
            })
        })?;
        Self::of_json(&body).map_err(Problem)
    }
}

impl Fields {
    fn of_query(pairs: Vec<(String, String)>) -> Self {
        let mut values = Map::new();
        for (name, value) in pairs {
            let value = Value::String(value);
            match values.get_mut(&name) {
                None => drop(values.insert(name, value)),
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Self { values, query: true }
    }

    fn of_json(body: &[u8]) -> Result<Self> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut value = match serde_json::from_slice(body) {
            Ok(value) => value,
            Err(error) => match named_numbers(body) {
                Some(body) => serde_json::from_slice(&body),
                None => Err(error),
            }
            .map_err(|error| wrong(format!("Bad Request. The body is not JSON: {error}")))?,
        };
        // Old clients send the JSON as a JSON string.
        if let Value::String(text) = &value {
            value = serde_json::from_str(text)
                .map_err(|error| wrong(format!("Bad Request. The body is not JSON: {error}")))?;
        }
        match value {
            Value::Object(values) => Ok(Self { values, query: false }),
            Value::Null => Ok(Self::default()),
            _ => Err(wrong("Bad Request. The body must be a JSON object.".to_owned())),
        }
    }

    /// The fields of an object within a request.
    fn of_object(value: &Value, path: &str) -> Result<Self> {
        match value {
            Value::Object(values) => Ok(Self { values: values.clone(), query: false }),
            other => Err(mistyped(path, other)),
        }
    }

    /// The field, under its own name or as protocol buffers spell it in JSON; `null` is absence.
    fn get(&self, name: &str) -> Result<Option<&Value>> {
        let own = self.values.get(name);
        let value = if name.contains('_') {
            let spelled = camel(name);
            match (own, self.values.get(&spelled)) {
                (Some(_), Some(_)) => {
                    return Err(wrong(format!(
                        "Request specifies both '{name}' and '{spelled}'; provide only one of them."
                    )));
                }
                (own, other) => own.or(other),
            }
        } else {
            own
        };
        Ok(value.filter(|value| !value.is_null()))
    }

    /// A text, if there is one.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        match self.get(name)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(mistyped(name, other)),
        }
    }

    /// A text, empty when absent.
    pub(crate) fn text_or_empty(&self, name: &str) -> Result<String> {
        Ok(self.text(name)?.unwrap_or_default())
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required(&self, name: &str) -> Result<String> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }

    /// The run, under its present or its former name.
    pub(crate) fn run_id(&self) -> Result<String> {
        match self.text("run_id")?.filter(|text| !text.is_empty()) {
            Some(run_id) => Ok(run_id),
            None => self.text("run_uuid")?.filter(|text| !text.is_empty()).ok_or_else(|| missing("run_id")),
        }
    }

    /// A whole number, as a number or in quotes.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(name)? else { return Ok(None) };
        let whole = |number: f64| (number.fract() == 0.0 && number.abs() < 9.0e18).then_some(number as i64);
        let read = match value {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        read.map(Some).ok_or_else(|| mistyped(name, value))
    }

    /// A whole number that must be there.
    pub(crate) fn required_int(&self, name: &str) -> Result<i64> {
        self.int(name)?.ok_or_else(|| missing(name))
    }

    /// A floating-point number, as a number or by name (`"NaN"`, `"Infinity"`), that must be there.
    pub(crate) fn required_double(&self, name: &str) -> Result<f64> {
        let value = self.get(name)?.ok_or_else(|| missing(name))?;
        let read = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                "" => return Err(missing(name)),
                text => text.parse().ok().filter(|number: &f64| number.is_finite()),
            },
            _ => None,
        };
        read.ok_or_else(|| mistyped(name, value))
    }

    /// A yes or no.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name)? {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if self.query => match text.to_lowercase().as_str() {
                "true" => Ok(Some(true)),
                "false" => Ok(Some(false)),
                _ => Err(wrong(format!("Invalid boolean value: {text}, must be 'true' or 'false'."))),
            },
            Some(other) => Err(mistyped(name, other)),
        }
    }

    /// Texts; none when absent.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>> {
        let item = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(mistyped(name, other)),
        };
        match self.get(name)? {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(item).collect(),
            Some(Value::String(text)) if self.query => Ok(vec![text.clone()]),
            Some(other) => Err(mistyped(name, other)),
        }
    }

    /// Objects; none when absent. Each knows its path (`metrics[3]`) for messages.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<(String, Self)>> {
        match self.get(name)? {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list
                .iter()
                .enumerate()
                .map(|(at, value)| {
                    let path = format!("{name}[{at}]");
                    Ok((path.clone(), Self::of_object(value, &path)?))
                })
                .collect(),
            Some(other) => Err(mistyped(name, other)),
        }
    }

    /// Refuses a request without the field, whatever it holds.
    pub(crate) fn must_have(&self, name: &str) -> Result<()> {
        self.get(name)?.map(drop).ok_or_else(|| missing(name))
    }

    /// One object, if there is one.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>> {
        self.get(name)?.map(|value| Self::of_object(value, name)).transpose()
    }

    /// One object that must be there.
    pub(crate) fn required_object(&self, name: &str) -> Result<Self> {
        self.object(name)?.ok_or_else(|| missing(name))
    }

    /// The JSON of a field, if there is one: what a message holds as any value.
    pub(crate) fn value(&self, name: &str) -> Result<Option<&Value>> {
        self.get(name)
    }

    /// Refuses a request without this field, even an empty one.
    pub(crate) fn present(&self, name: &str) -> Result<()> {
        self.get(name)?.map(drop).ok_or_else(|| missing(name))
    }

    /// An object of texts; empty when absent.
    pub(crate) fn map(&self, name: &str) -> Result<BTreeMap<String, String>> {
        let item = |(key, value): (&String, &Value)| match value {
            Value::String(text) => Ok((key.clone(), text.clone())),
            other => Err(mistyped(&format!("{name}.{key}"), other)),
        };
        match self.get(name)? {
            None => Ok(BTreeMap::new()),
            Some(Value::Object(entries)) => entries.iter().map(item).collect(),
            Some(other) => Err(mistyped(name, other)),
        }
    }

    /// A word of an enumeration, as its name or its number; `None` when absent or unknown.
    pub(crate) fn word<'w>(&self, name: &str, words: &[&'w str]) -> Result<Option<&'w str>> {
        Ok(match self.get(name)? {
            Some(Value::Number(number)) => number.as_u64().and_then(|at| words.get(usize::try_from(at).ok()?)).copied(),
            Some(Value::String(text)) => words.iter().find(|word| *word == text).copied(),
            _ => None,
        })
    }

    /// Pairs of `key` and `value`; the key must not be empty, the value may be absent.
    pub(crate) fn pairs(&self, name: &str) -> Result<Vec<(String, String)>> {
        self.objects(name)?
            .into_iter()
            .map(|(path, pair)| {
                let key = pair.required("key").map_err(|error| at(error, &path))?;
                Ok((key, pair.text_or_empty("value").map_err(|error| at(error, &path))?))
            })
            .collect()
    }

    /// How many things a page holds: between 1 and `most`.
    pub(crate) fn max_results(&self, default: usize, most: usize) -> Result<usize> {
        let Some(given) = self.int("max_results")? else { return Ok(default) };
        match usize::try_from(given) {
            Ok(given) if given > most => Err(wrong(format!(
                "Invalid value {given} for parameter 'max_results' supplied:  Hint: It must be at most {most}. {SEE_DOCS}"
            ))),
            Ok(given) if given > 0 => Ok(given),
            _ => Err(wrong(format!(
                "Invalid value {given} for parameter 'max_results' supplied. It must be a positive integer"
            ))),
        }
    }

    /// The page to go on from.
    pub(crate) fn page_token(&self) -> Result<Option<String>> {
        Ok(self.text("page_token")?.filter(|token| !token.is_empty()))
    }
}

/// Names the item of a list in the message about one of its fields.
pub(crate) fn at(error: Error, path: &str) -> Error {
    let detail = error.detail().replacen("parameter '", &format!("parameter '{path}."), 1);
    Error::new(error.kind(), "MLFLOW_REQUEST_INVALID", detail)
}

pub(crate) fn wrong(message: String) -> Error {
    Error::invalid("MLFLOW_REQUEST_INVALID", message)
}

fn missing(name: &str) -> Error {
    wrong(format!("Missing value for required parameter '{name}'. {SEE_DOCS}"))
}

fn mistyped(name: &str, value: &Value) -> Error {
    let kind = match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    wrong(format!(
        "Invalid value {value} for parameter '{name}' supplied:  Hint: Value was of type '{kind}'. {SEE_DOCS}"
    ))
}

/// `run_id` as `runId`.
fn camel(name: &str) -> String {
    let mut upper = false;
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

/// The body with bare `NaN`, `Infinity` and `-Infinity`, which Python writes and JSON has not, in quotes; `None` when it has none.
fn named_numbers(body: &[u8]) -> Option<Vec<u8>> {
    const NAMES: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut out = Vec::with_capacity(body.len() + 16);
    let (mut at, mut quoted, mut changed) = (0, false, false);
    while let Some(&byte) = body.get(at) {
        if quoted {
            out.push(byte);
            at += 1;
            match byte {
                b'\\' => {
                    out.extend(body.get(at));
                    at += 1;
                }
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        if let Some(name) = NAMES.into_iter().find(|name| body[at..].starts_with(name)) {
            out.push(b'"');
            out.extend_from_slice(name);
            out.push(b'"');
            at += name.len();
            changed = true;
            continue;
        }
        quoted = byte == b'"';
        out.push(byte);
        at += 1;
    }
    changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitcrew_kernel::Kind;

    fn json(text: &str) -> Fields {
        Fields::of_json(text.as_bytes()).unwrap()
    }

    #[test]
    fn both_spellings_are_read_but_not_at_once() {
        assert_eq!(json(r#"{"runId": "a"}"#).run_id().unwrap(), "a");
        assert_eq!(json(r#"{"run_uuid": "a"}"#).run_id().unwrap(), "a");
        assert_eq!(
            json(r#"{"runId": "a", "run_id": "a"}"#).run_id().unwrap_err().detail(),
            "Request specifies both 'run_id' and 'runId'; provide only one of them."
        );
    }

    #[test]
    fn messages_are_those_of_mlflow() {
        assert_eq!(
            json("{}").required("name").unwrap_err().detail(),
            "Missing value for required parameter 'name'. See the API docs for more information about request parameters."
        );
        assert_eq!(
            json(r#"{"name": 123}"#).required("name").unwrap_err().detail(),
            "Invalid value 123 for parameter 'name' supplied:  Hint: Value was of type 'int'. See the API docs for more information about request parameters."
        );
        assert_eq!(
            json(r#"{"tags": [{"value": "x"}]}"#).pairs("tags").unwrap_err().detail(),
            "Missing value for required parameter 'tags[0].key'. See the API docs for more information about request parameters."
        );
    }

    #[test]
    fn numbers_come_in_several_forms() {
        let fields =
            json(r#"{"a": "5", "b": 5.0, "c": 1.5, "d": NaN, "e": [Infinity, "a NaN \" NaN"], "f": -Infinity}"#);
        assert_eq!(fields.int("a").unwrap(), Some(5));
        assert_eq!(fields.int("b").unwrap(), Some(5));
        assert_eq!(fields.int("c").unwrap_err().kind(), Kind::Invalid);
        assert!(fields.required_double("d").unwrap().is_nan());
        assert_eq!(fields.required_double("f").unwrap(), f64::NEG_INFINITY);
        assert_eq!(fields.values["e"][1], "a NaN \" NaN");
    }

    #[test]
    fn queries_hold_lists_and_flags() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let fields = Fields::of_query(vec![pair("a", "1"), pair("b", "x"), pair("b", "y"), pair("c", "True")]);
        assert_eq!(fields.texts("a").unwrap(), ["1"]);
        assert_eq!(fields.texts("b").unwrap(), ["x", "y"]);
        assert_eq!(fields.flag("c").unwrap(), Some(true));
        assert_eq!(fields.int("a").unwrap(), Some(1));
    }

    #[test]
    fn old_clients_encode_twice() {
        assert_eq!(json(r#""{\"name\": \"a\"}""#).required("name").unwrap(), "a");
        assert_eq!(Fields::of_json(b"[1]").unwrap_err().kind(), Kind::Invalid);
        assert_eq!(Fields::of_json(b"{").unwrap_err().kind(), Kind::Invalid);
    }
}
