//! Checks a value with templates in it against an action's schema, around the holes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::formats;
use crate::expression::Tree;
use crate::problem::{listed, nearest};

/// How many `$ref` may follow each other.
const MOST_REFERENCES: u8 = 16;

/// How deep a schema is followed: one that leads into itself must not hold us up.
const MOST_NESTED: u8 = 64;

/// What is wrong at a path below the value that was checked.
pub(super) struct SchemaFault {
    /// Dotted, with the root's own path before it.
    pub(super) path: String,
    pub(super) what: What,
}

pub(super) enum What {
    UnknownKey {
        key: String,
        known: String,
        nearest: Option<String>,
    },
    Missing {
        key: String,
    },
    /// Of several keys at least one.
    MissingAll {
        keys: Vec<String>,
    },
    Type {
        wanted: String,
        found: String,
    },
    NotOneOf {
        value: String,
        known: String,
        nearest: Option<String>,
    },
    Bound {
        bound: String,
    },
    /// A secret where the plugin does not ask for one.
    Secret,
    /// A plain value where the plugin asks for a secret's name.
    NotSecret,
    /// The same where it asks for `{ secret = "name" }`.
    OpenSecret,
}

/// The schema that a node stands for, references followed.
pub(super) fn resolved<'s>(node: &'s Value, root: &'s Value) -> &'s Value {
    let mut node = node;
    for _ in 0..MOST_REFERENCES {
        let Some(reference) = node.get("$ref").and_then(Value::as_str) else { break };
        let Some(target) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) else {
            break;
        };
        node = target;
    }
    node
}

/// The texts that a node allows, where it allows only some.
pub(super) fn choices(node: &Value, root: &Value) -> Vec<String> {
    choices_within(node, root, MOST_NESTED)
}

fn choices_within(node: &Value, root: &Value, left: u8) -> Vec<String> {
    let node = resolved(node, root);
    if left == 0 {
        return Vec::new();
    }
    if let Some(all) = node.get("enum").and_then(Value::as_array) {
        return all.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    if let Some(one) = node.get("const").and_then(Value::as_str) {
        return vec![one.to_owned()];
    }
    let mut known = Vec::new();
    for key in ["oneOf", "anyOf"] {
        for branch in node.get(key).and_then(Value::as_array).into_iter().flatten() {
            known.extend(choices_within(branch, root, left - 1));
        }
    }
    known
}

pub(super) struct Schema<'s> {
    root: &'s Value,
    faults: Vec<SchemaFault>,
    left: u8,
}

impl<'s> Schema<'s> {
    pub(super) fn check(root: &'s Value, tree: &Tree, path: &str) -> Vec<SchemaFault> {
        let mut schema = Self { root, faults: Vec::new(), left: MOST_NESTED };
        schema.node(root, tree, path);
        schema.faults
    }

    fn say(&mut self, path: &str, what: What) {
        self.faults.push(SchemaFault { path: path.to_owned(), what });
    }

    /// The mark may stand beside a reference or where it leads.
    fn is_secret(&self, node: &Value) -> bool {
        marks(node, "secret") || marks(resolved(node, self.root), "secret")
    }

    /// `{ secret = "name" }` is an object whose `secret` is marked.
    fn takes_secret(&self, node: &Value) -> bool {
        node.get("properties").and_then(|known| known.get("secret")).is_some_and(|own| self.is_secret(own))
    }

    fn node(&mut self, node: &'s Value, tree: &Tree, path: &str) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        self.known(node, tree, path);
        self.left += 1;
    }

    fn known(&mut self, node: &'s Value, tree: &Tree, path: &str) {
        let secret = self.is_secret(node);
        let node = resolved(node, self.root);
        if secret_in(tree).is_some() {
            if secret {
                // The plugin takes the bare name here.
                self.wrong_type(node, "a table", path);
            } else if !self.takes_secret(node)
                && !branches(node).any(|one| self.takes_secret(resolved(one, self.root)))
            {
                self.say(path, What::Secret);
            }
            return;
        }
        if secret {
            // Its name may stand here or be worked out, its value never.
            if !is_hole(tree) && !is_secret_name(tree) {
                self.say(path, What::NotSecret);
            }
            return;
        }
        let of_branches = || {
            let mut all = branches(node).map(|one| resolved(one, self.root));
            let takes_text = all.clone().any(|one| types_of(one).contains(&"string"));
            all.any(|one| self.takes_secret(one)) && !takes_text
        };
        let own = self.takes_secret(node) && !types_of(node).contains(&"string");
        let wants_secret = own || of_branches();
        if wants_secret && matches!(tree, Tree::Text(_)) && !is_hole(tree) {
            self.say(path, What::OpenSecret);
            return;
        }
        if is_hole(tree) {
            return;
        }
        let all: Vec<&'s Value> = branches(node).collect();
        if let (Tree::Map(entries), Some(lists)) = (tree, only_required(&all)) {
            let has = |wanted: &str| entries.iter().any(|(key, _)| **key == *wanted);
            self.one_of_required(&lists, &has, path);
        } else if !all.is_empty() {
            self.one_of(&all, tree, path);
            if node.get("properties").is_none() {
                return;
            }
        }
        match tree {
            Tree::Map(entries) => self.map(node, entries, path),
            Tree::List(items) => self.list(node, items, path),
            Tree::Text(template) => self.text(node, template.source(), template.is_literal(), path),
            Tree::Json(json) => self.constant(node, json, path),
        }
    }

    /// At least one branch must take the value; of several that do not, the one with the right tag or type speaks.
    fn one_of(&mut self, all: &[&'s Value], tree: &Tree, path: &str) {
        let mut best: Option<Vec<SchemaFault>> = None;
        let mut texts = Vec::new();
        for branch in all {
            let mut inner = Schema { root: self.root, faults: Vec::new(), left: self.left };
            inner.node(branch, tree, path);
            if inner.faults.is_empty() {
                return;
            }
            texts.extend(choices(branch, self.root));
            // A fault deeper inside means that the branch was meant.
            let depth =
                |faults: &[SchemaFault]| faults.iter().map(|fault| fault.path.len()).max().unwrap_or(0);
            let shallow = best.as_ref().is_none_or(|best| depth(&inner.faults) > depth(best));
            if shallow {
                best = Some(inner.faults);
            }
        }
        if let (Tree::Text(template), false) = (tree, texts.is_empty()) {
            let value = template.source().to_owned();
            let nearest = nearest(&value, &texts);
            self.say(path, What::NotOneOf { value, known: listed(&texts), nearest });
            return;
        }
        self.faults.extend(best.into_iter().flatten());
    }

    /// One of the lists must be there as a whole; of several that are not, the one speaks that lacks least.
    fn one_of_required(&mut self, lists: &[Vec<&str>], has: &dyn Fn(&str) -> bool, path: &str) {
        if let Some(choices) = keys_of_which_one(lists) {
            for keys in choices.into_iter().filter(|keys| !keys.iter().any(|key| has(key))) {
                self.say(path, What::MissingAll { keys: keys.into_iter().map(str::to_owned).collect() });
            }
            return;
        }
        let missing = |list: &Vec<&str>| -> Vec<String> {
            list.iter().filter(|key| !has(key)).map(|key| (*key).to_owned()).collect()
        };
        let least = lists.iter().map(missing).min_by_key(Vec::len);
        for key in least.into_iter().flatten() {
            self.say(path, What::Missing { key });
        }
    }

    fn map(&mut self, node: &'s Value, entries: &[(std::sync::Arc<str>, Tree)], path: &str) {
        if !allows(node, &["object"]) {
            self.wrong_type(node, "a table", path);
            return;
        }
        let properties = node.get("properties").and_then(Value::as_object);
        let more = node.get("additionalProperties");
        for (key, item) in entries {
            let path = format!("{path}.{key}");
            match (properties.and_then(|known| known.get(&**key)), more) {
                (Some(own), _) => self.node(own, item, &path),
                (None, Some(Value::Bool(false))) => {
                    let known: Vec<&String> =
                        properties.into_iter().flat_map(serde_json::Map::keys).collect();
                    let what = What::UnknownKey {
                        key: key.to_string(),
                        nearest: nearest(key, &known),
                        known: listed(&known),
                    };
                    self.say(&path, what);
                }
                (None, Some(schema @ Value::Object(_))) => self.node(schema, item, &path),
                // Nothing is said of it, so at least no secret may be in it.
                (None, _) => self.node(&Value::Bool(true), item, &path),
            }
        }
        for key in
            node.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if !entries.iter().any(|(known, _)| &**known == key) {
                self.say(path, What::Missing { key: key.to_owned() });
            }
        }
    }

    fn list(&mut self, node: &'s Value, items: &[Tree], path: &str) {
        if !allows(node, &["array"]) {
            self.wrong_type(node, "a list", path);
            return;
        }
        let own = node.get("items").unwrap_or(&Value::Bool(true));
        for (at, item) in items.iter().enumerate() {
            self.node(own, item, &format!("{path}[{at}]"));
        }
    }

    fn text(&mut self, node: &'s Value, text: &str, literal: bool, path: &str) {
        if !allows(node, &["string"]) {
            self.wrong_type(node, "a text", path);
            return;
        }
        if !literal {
            return;
        }
        let known = choices(node, self.root);
        if !known.is_empty() && !known.iter().any(|one| one == text) {
            let nearest = nearest(text, &known);
            self.say(path, What::NotOneOf { value: text.to_owned(), known: listed(&known), nearest });
        }
        let length = text.chars().count() as u64;
        if let Some(most) = node.get("maxLength").and_then(Value::as_u64).filter(|most| length > *most) {
            self.say(path, What::Bound { bound: format!("at most {most} characters") });
        }
        if let Some(least) = node.get("minLength").and_then(Value::as_u64).filter(|least| length < *least) {
            self.say(path, What::Bound { bound: format!("at least {least} characters") });
        }
        if let Some(pattern) = node.get("pattern").and_then(Value::as_str)
            && let Ok(regex) = regex_lite::Regex::new(pattern)
            && !regex.is_match(text)
        {
            self.say(path, What::Bound { bound: format!("like `{pattern}`") });
        }
        let format = node.get("format").and_then(Value::as_str);
        if let Some(wanted) = format.and_then(|format| formats::wanted(format, text)) {
            self.say(path, What::Bound { bound: wanted.to_owned() });
        }
    }

    fn constant(&mut self, node: &'s Value, json: &str, path: &str) {
        let Ok(value) = serde_json::from_str::<Value>(json) else { return };
        let (types, found): (&[&str], &str) = match &value {
            Value::Bool(_) => (&["boolean"], "true or false"),
            Value::Number(number) if number.is_f64() => (&["number"], "a number"),
            Value::Number(_) => (&["integer", "number"], "a whole number"),
            Value::String(text) => return self.text(node, text, true, path),
            Value::Null | Value::Array(_) | Value::Object(_) => return,
        };
        if !allows(node, types) {
            self.wrong_type(node, found, path);
            return;
        }
        if let Some(all) = node.get("enum").and_then(Value::as_array)
            && !all.contains(&value)
        {
            let known = listed(all.iter().map(Value::to_string));
            self.say(path, What::NotOneOf { value: value.to_string(), known, nearest: None });
        }
        if let Some(number) = value.as_f64() {
            if let Some(least) = node.get("minimum").and_then(Value::as_f64).filter(|least| number < *least) {
                self.say(path, What::Bound { bound: format!("at least {least}") });
            }
            if let Some(most) = node.get("maximum").and_then(Value::as_f64).filter(|most| number > *most) {
                self.say(path, What::Bound { bound: format!("at most {most}") });
            }
        }
    }

    fn wrong_type(&mut self, node: &Value, found: &str, path: &str) {
        let wanted = types_of(node).iter().map(|word| in_words(word)).collect::<Vec<_>>().join(" / ");
        self.say(path, What::Type { wanted, found: found.to_owned() });
    }
}

fn branches(node: &Value) -> impl Iterator<Item = &Value> + Clone {
    ["oneOf", "anyOf"]
        .into_iter()
        .flat_map(|key| node.get(key).and_then(Value::as_array).into_iter().flatten())
}

/// The lists of an `anyOf` of nothing but required keys.
fn only_required<'n>(branches: &[&'n Value]) -> Option<Vec<Vec<&'n str>>> {
    let list = |branch: &&'n Value| -> Option<Vec<&'n str>> {
        let required = branch.as_object().filter(|own| own.len() == 1)?.get("required")?.as_array()?;
        required.iter().map(Value::as_str).collect()
    };
    let lists: Option<Vec<_>> = branches.iter().map(list).collect();
    lists.filter(|lists| !lists.is_empty())
}

/// Of those at each place one must be there: two choices are written as all their pairs, `[to, text]`, `[to, html]`,
/// `[cc, text]`, `[cc, html]`. Lists that are not all pairs of anything are no such choices.
fn keys_of_which_one<'n>(lists: &[Vec<&'n str>]) -> Option<Vec<Vec<&'n str>>> {
    let mut choices: Vec<Vec<&str>> = vec![Vec::new(); lists.first()?.len()];
    for list in lists {
        if list.len() != choices.len() {
            return None;
        }
        for (keys, key) in choices.iter_mut().zip(list) {
            if !keys.contains(key) {
                keys.push(key);
            }
        }
    }
    let product = choices.iter().try_fold(1_usize, |all, keys| all.checked_mul(keys.len()))?;
    let different: BTreeSet<_> = lists.iter().collect();
    (different.len() == product).then_some(choices)
}

fn types_of(node: &Value) -> Vec<&str> {
    match node.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A node without a type allows all.
fn allows(node: &Value, types: &[&str]) -> bool {
    let own = types_of(node);
    own.is_empty() || own.iter().any(|word| types.contains(word))
}

fn in_words(word: &str) -> &str {
    match word {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

/// `x-yz` is one word or a list of them.
fn marks(node: &Value, word: &str) -> bool {
    match node.get("x-yz") {
        Some(Value::String(own)) => own == word,
        Some(Value::Array(own)) => own.iter().any(|own| own == word),
        _ => false,
    }
}

/// A template whose value can be anything: exactly one `{{ … }}`.
fn is_hole(tree: &Tree) -> bool {
    matches!(tree, Tree::Text(template) if template.expression().is_some())
}

/// The name of a file in the folder of secrets.
fn is_secret_name(tree: &Tree) -> bool {
    let Tree::Text(template) = tree else { return false };
    let name = template.source();
    !template.is_literal()
        || (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// The name in `{ secret = "name" }`.
pub(super) fn secret_in(tree: &Tree) -> Option<String> {
    let Tree::Json(json) = tree else { return None };
    if !json.starts_with('{') {
        return None;
    }
    let value: Value = serde_json::from_str(json).ok()?;
    value.get("secret")?.as_str().map(str::to_owned)
}
