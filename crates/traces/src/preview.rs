//! The beginning of what was asked and answered: the last message of a chat where there is one.

use crate::limits::PREVIEW_CHARS;
use crate::value::Any;

/// The preview of what went in.
pub(crate) fn of_request(inputs: &Any) -> String {
    preview(inputs, "user")
}

/// The preview of what came out.
pub(crate) fn of_response(outputs: &Any) -> String {
    preview(outputs, "assistant")
}

fn preview(value: &Any, role: &str) -> String {
    let spoken =
        messages(value, 0).and_then(|messages| text_of(last(&messages, role)?)).filter(|text| !text.is_empty());
    shortened(spoken.unwrap_or_else(|| value.to_json()), PREVIEW_CHARS)
}

/// At most so many characters, with dots at the end when something is missing.
pub(crate) fn shortened(text: String, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    kept + "..."
}

/// How deep a request may be wrapped in another.
const WRAPPED: usize = 4;

/// The messages in what chat interfaces take and give.
fn messages(value: &Any, depth: usize) -> Option<Vec<&Any>> {
    let list = |name: &str| match value.entry(name) {
        Some(Any::List(items)) if !items.is_empty() => Some(items),
        _ => None,
    };
    if let Some(items) = list("messages") {
        return Some(items.iter().filter(|item| is_message(item)).collect());
    }
    if let Some(message) = list("choices").and_then(|items| items[0].entry("message")).filter(|item| is_message(item)) {
        return Some(vec![message]);
    }
    if let Some(items) = list("input").or_else(|| list("output")) {
        return Some(items.iter().filter(|item| is_message(item)).collect());
    }
    value.entry("request").filter(|_| depth < WRAPPED).and_then(|inner| messages(inner, depth + 1))
}

fn is_message(item: &Any) -> bool {
    item.entry("role").is_some() && item.entry("content").is_some()
}

/// The last message of this role, or the last of all.
fn last<'a>(messages: &[&'a Any], role: &str) -> Option<&'a Any> {
    let of_role = |message: &&&Any| message.entry("role").and_then(Any::as_text) == Some(role);
    messages.iter().rev().find(of_role).or(messages.last()).copied()
}

fn text_of(message: &Any) -> Option<String> {
    match message.entry("content")? {
        Any::Text(text) => Some(text.clone()),
        Any::List(parts) => parts.iter().find_map(|part| match part {
            Any::Text(text) => Some(text.clone()),
            part => {
                let kind = part.entry("type").and_then(Any::as_text)?;
                let text = part.entry("text").and_then(Any::as_text)?;
                matches!(kind, "text" | "output_text").then(|| text.to_owned())
            }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> String {
        of_request(&Any::of_json(json).unwrap())
    }

    #[test]
    fn chats_show_their_last_message() {
        let chat = r#"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}]}"#;
        assert_eq!(request(chat), "hi");
        assert_eq!(of_response(&Any::of_json(chat).unwrap()), "yes?");
        assert_eq!(request(&format!(r#"{{"request": {chat}}}"#)), "hi");
        assert_eq!(
            of_response(&Any::of_json(r#"{"choices": [{"message": {"role": "a", "content": "c"}}]}"#).unwrap()),
            "c"
        );
        assert_eq!(request(r#"{"input": [{"role": "user", "content": [{"type": "text", "text": "t"}]}]}"#), "t");
    }

    #[test]
    fn everything_else_shows_its_beginning() {
        assert_eq!(request(r#"{"q": 1}"#), r#"{"q": 1}"#);
        assert_eq!(request(r#"{"messages": [5]}"#), r#"{"messages": [5]}"#);
        let long = request(&format!("\"{}\"", "ä".repeat(2_000)));
        assert_eq!(long.chars().count(), PREVIEW_CHARS);
        assert!(long.ends_with("ä..."));
    }
}
