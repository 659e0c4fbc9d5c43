//! Takes secrets out of what a plugin says: raw, encoded and escaped.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;
use serde_json::Value;

/// Shorter ones would take half of every text away; they are told about when they are read.
const LENGTH_LEAST: usize = 4;
/// A part of an address that is shorter is a word as `webhook`, and no key.
const PART_LEAST: usize = 12;
/// So much of a secret at the end of a text is the beginning of one that was cut there: a plugin repeats a refusal in part.
const CUT_LEAST: usize = 8;
const MASK: &str = "***";

/// Every form of every secret that one plugin, or one other line to the outside, was given.
#[derive(Default)]
pub struct Scrub {
    any: AtomicBool,
    forms: RwLock<Forms>,
}

#[derive(Default)]
struct Forms {
    /// The longest first, so that a part is not taken out of a whole.
    whole: Vec<String>,
    /// Those of which a beginning is secret: that of an address is its host.
    cut: Vec<String>,
}

impl Scrub {
    /// Of one secret.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let scrub = Self::default();
        scrub.learn(secret);
        scrub
    }

    pub(crate) fn learn(&self, secret: &str) {
        if secret.len() < LENGTH_LEAST {
            return;
        }
        let mut forms = self.forms.write().unwrap_or_else(PoisonError::into_inner);
        if forms.whole.iter().any(|form| form == secret) {
            return;
        }
        let keys: Vec<String> = keys_of(secret).iter().flat_map(|key| forms_of(key)).collect();
        let own = forms_of(secret);
        forms.cut.extend(if url::Url::parse(secret).is_ok() { keys.clone() } else { own.clone() });
        forms.cut.retain(|form| form.len() > CUT_LEAST);
        forms.whole.extend(own.into_iter().chain(keys));
        forms.whole.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.whole.dedup();
        self.any.store(true, Ordering::Release);
    }

    /// A text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.any.load(Ordering::Acquire) {
            return Cow::Borrowed(text);
        }
        let forms = self.forms.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = Cow::Borrowed(text);
        for form in &forms.whole {
            if clean.contains(form.as_str()) {
                clean = Cow::Owned(clean.replace(form.as_str(), MASK));
            }
        }
        let cut = forms.cut.iter().filter_map(|form| cut_at_end(&clean, form)).min();
        match cut.and_then(|at| clean.get(..at)) {
            Some(before) => Cow::Owned(format!("{before}{MASK}")),
            None => clean,
        }
    }

    /// A file without secrets; all around them is as it was.
    pub(crate) fn file(&self, content: Vec<u8>) -> Vec<u8> {
        if !self.any.load(Ordering::Acquire) {
            return content;
        }
        let forms = self.forms.read().unwrap_or_else(PoisonError::into_inner);
        forms.whole.iter().fold(content, |content, form| without(content, form.as_bytes()))
    }

    /// A JSON document without secrets; it stays JSON.
    pub(crate) fn document<'a>(&self, json: &'a str) -> Cow<'a, str> {
        if !self.any.load(Ordering::Acquire) || !self.may_hold_some(json) {
            return Cow::Borrowed(json);
        }
        match serde_json::from_str(json) {
            Ok(value) => Cow::Owned(self.value(value).to_string()),
            Err(_) => Cow::Owned(Value::from(self.text(json)).to_string()),
        }
    }

    /// A secret, or the beginning of one: at the end of any text in it, that one may be cut.
    fn may_hold_some(&self, json: &str) -> bool {
        let forms = self.forms.read().unwrap_or_else(PoisonError::into_inner);
        let begins = |form: &String| memmem::find(json.as_bytes(), &form.as_bytes()[..CUT_LEAST]).is_some();
        forms.whole.iter().any(|form| json.contains(form.as_str())) || forms.cut.iter().any(begins)
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text).into_owned()),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                let clean =
                    |(name, value): (String, Value)| (self.text(&name).into_owned(), self.value(value));
                Value::Object(fields.into_iter().map(clean).collect())
            }
            Value::Number(number) => match self.text(&number.to_string()) {
                Cow::Borrowed(_) => Value::Number(number),
                Cow::Owned(text) => Value::String(text),
            },
            Value::Null | Value::Bool(_) => value,
        }
    }
}

/// Where the beginning of a form stands with which a text ends.
fn cut_at_end(text: &str, form: &str) -> Option<usize> {
    let (text, form) = (text.as_bytes(), form.as_bytes());
    let from = text.len().saturating_sub(form.len());
    let mut begins = memmem::find_iter(&text[from..], &form[..CUT_LEAST]).map(|at| from + at);
    begins.find(|at| form.starts_with(&text[*at..]))
}

fn without(content: Vec<u8>, form: &[u8]) -> Vec<u8> {
    let mut places = memmem::find_iter(&content, form).peekable();
    if places.peek().is_none() {
        return content;
    }
    let (mut clean, mut from) = (Vec::with_capacity(content.len()), 0);
    for at in places {
        clean.extend_from_slice(&content[from..at]);
        clean.extend_from_slice(MASK.as_bytes());
        from = at + form.len();
    }
    clean.extend_from_slice(&content[from..]);
    clean
}

/// A secret may be a whole address; of that a refusal repeats the part that lets in.
fn keys_of(secret: &str) -> Vec<String> {
    let Ok(address) = url::Url::parse(secret) else { return vec![] };
    let path = address.path_segments().into_iter().flatten();
    let query = address.query().into_iter().flat_map(|query| query.split(['&', '=']));
    let parts = path.chain(query).chain(address.password()).chain(address.fragment());
    parts.filter(|part| part.len() >= PART_LEAST).map(str::to_owned).collect()
}

/// A secret as it may come back. Base64 in its three alignments, cut to what does not depend on the neighbours.
fn forms_of(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let json = Value::from(secret).to_string();
    let each = |form: &dyn Fn(u8) -> String| bytes.iter().map(|byte| form(*byte)).collect::<String>();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let rest = |form: fn(u8) -> String| {
        each(&|byte| if plain(byte) { char::from(byte).to_string() } else { form(byte) })
    };
    let mut forms = vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        each(&|byte| format!("{byte:02x}")),
        each(&|byte| format!("{byte:02X}")),
        url::form_urlencoded::byte_serialize(bytes).collect(),
        rest(|byte| format!("%{byte:02X}")),
        rest(|byte| format!("%{byte:02x}")),
        each(&|byte| format!("%{byte:02X}")),
        each(&|byte| format!("%{byte:02x}")),
        each(&|byte| format!("\\u{byte:04x}")),
        secret.chars().map(|c| format!("&#{};", u32::from(c))).collect(),
        secret.chars().map(|c| format!("&#x{:x};", u32::from(c))).collect(),
        html(secret),
        STANDARD.encode(bytes),
    ];
    for before in 0..3usize {
        let mut shifted = vec![0; before];
        shifted.extend_from_slice(bytes);
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            let from = if before == 0 { 0 } else { before + 1 };
            // The last character mixes with what follows unless the bytes fill whole groups.
            let until = encoded.len() - usize::from(!shifted.len().is_multiple_of(3));
            if let Some(inner) = encoded.get(from..until).filter(|inner| inner.len() >= 2 * LENGTH_LEAST) {
                forms.push(inner.to_owned());
            }
        }
    }
    forms
}

fn html(secret: &str) -> String {
    secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "p&ss \"w0rd\"/<x>";

    fn scrub() -> Scrub {
        let scrub = Scrub::default();
        scrub.learn(SECRET);
        scrub
    }

    #[test]
    fn every_form_of_a_secret_is_taken_out() {
        let scrub = scrub();
        let basic = STANDARD.encode(format!("user:{SECRET}"));
        let inner = |before: &str| STANDARD.encode(format!("{before}{SECRET}and more"));
        let texts = [
            SECRET.to_owned(),
            "p%26ss%20%22w0rd%22%2F%3Cx%3E".to_owned(),
            "p%26ss%20%22w0rd%22%2f%3cx%3e".to_owned(),
            SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            SECRET.bytes().map(|byte| format!("%{byte:02x}")).collect(),
            SECRET.bytes().map(|byte| format!("&#{byte};")).collect(),
            SECRET.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
            html(SECRET),
            url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect(),
            SECRET.bytes().map(|byte| format!("{byte:02x}")).collect(),
            basic,
            inner(""),
            inner("a"),
            inner("ab"),
        ];
        for text in texts {
            let clean = scrub.text(&text);
            assert!(clean.contains(MASK), "{text} stayed {clean}");
        }
    }

    #[test]
    fn a_document_stays_json_and_keeps_the_rest() {
        let scrub = scrub();
        scrub.learn("12345678");
        let text = serde_json::json!({ "header": format!("Bearer {SECRET}"), "n": 12_345_678, "ok": [true, "fine"] });
        let clean: Value = serde_json::from_str(&scrub.document(&text.to_string())).unwrap();
        assert_eq!(clean, serde_json::json!({ "header": "Bearer ***", "n": "***", "ok": [true, "fine"] }));
    }

    #[test]
    fn of_an_address_the_part_that_lets_in_is_taken_out_by_itself() {
        let scrub = Scrub::of("https://chat.example.com/cgi-bin/webhook/send?key=693a91f6-593e-4bc4");
        assert_eq!(scrub.text("no robot 693a91f6-593e-4bc4 at send"), "no robot *** at send");
        assert_eq!(scrub.text("chat.example.com is away"), "chat.example.com is away");
        let whole = "GET https://chat.example.com/cgi-bin/webhook/send?key=693a91f6-593e-4bc4!";
        assert_eq!(scrub.text(whole), "GET ***!");
    }

    #[test]
    fn a_file_keeps_all_that_is_no_secret() {
        let file = |word: &str| [b"\xff\0PK", word.as_bytes(), b"p&s", word.as_bytes(), b"\xfe"].concat();
        assert_eq!(scrub().file(file(SECRET)), file(MASK));
        assert_eq!(scrub().file(file("p&ss")), file("p&ss"));
    }

    #[test]
    fn a_secret_that_is_cut_at_the_end_of_a_text_is_taken_out_as_far_as_it_stands_there() {
        let scrub = Scrub::of("sk-live-4242424242");
        assert_eq!(scrub.text("401: no such key sk-live-4242"), "401: no such key ***");
        assert_eq!(
            scrub.text("401: no such key sk-live"),
            "401: no such key sk-live",
            "too little to be told apart"
        );
        assert_eq!(scrub.text("sk-live-4243 is none of ours"), "sk-live-4243 is none of ours");
        let text = serde_json::json!({ "message": "no such key sk-live-42424", "n": 1 }).to_string();
        assert_eq!(scrub.document(&text), r#"{"message":"no such key ***","n":1}"#);
        let address = Scrub::of("https://chat.example.com/send?key=693a91f6-593e-4bc4");
        assert_eq!(address.text("see https://chat.example.com"), "see https://chat.example.com");
        assert_eq!(address.text("no robot 693a91f6-59"), "no robot ***");
        let words = Scrub::of("密码是水龙头开关");
        assert_eq!(words.text("不认识 密码是水龙"), "不认识 ***");
    }

    #[test]
    fn what_holds_no_secret_is_not_touched() {
        assert!(matches!(scrub().document("{\"a\": 1}"), Cow::Borrowed(_)));
    }
}
