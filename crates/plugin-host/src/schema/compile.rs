//! From a schema as a plugin describes it to nodes.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::schema::{Additional, Node, Schema, kind};

/// Says something about a value but restricts nothing.
const ANNOTATIONS: [&str; 15] = [
    "$schema",
    "$id",
    "$defs",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "example",
    "format",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentMediaType",
    "contentEncoding",
];
/// A schema deeper or larger than this is a mistake or an attack.
const NODES_MAX: usize = 10_000;

impl Schema {
    pub(crate) fn compile(schema: &Value) -> Result<Self, String> {
        let mut compiler = Compiler { root: schema, nodes: Vec::new(), named: HashMap::new() };
        let root = compiler.node(schema, "#")?;
        let schema = Self { nodes: compiler.nodes, root };
        schema.refuse_circles()?;
        Ok(schema)
    }

    /// A schema that stands for itself would be checked for ever.
    fn refuse_circles(&self) -> Result<(), String> {
        for start in 0..self.nodes.len() {
            let mut at = start;
            for _ in 0..=self.nodes.len() {
                match self.nodes[at].alias {
                    Some(next) => at = next,
                    None => break,
                }
            }
            if self.nodes[at].alias.is_some() {
                return Err("a $ref leads back to itself".to_owned());
            }
        }
        Ok(())
    }
}

struct Compiler<'a> {
    root: &'a Value,
    nodes: Vec<Node>,
    /// The targets of `$ref` that have a number already.
    named: HashMap<&'a str, usize>,
}

impl<'a> Compiler<'a> {
    fn node(&mut self, schema: &'a Value, place: &str) -> Result<usize, String> {
        let at = self.reserve(place)?;
        self.fill(at, schema, place)?;
        Ok(at)
    }

    fn reserve(&mut self, place: &str) -> Result<usize, String> {
        if self.nodes.len() >= NODES_MAX {
            return Err(format!("{place}: the schema is too large"));
        }
        self.nodes.push(Node::default());
        Ok(self.nodes.len() - 1)
    }

    fn fill(&mut self, at: usize, schema: &'a Value, place: &str) -> Result<(), String> {
        let keywords = match schema {
            Value::Bool(taken) => {
                self.nodes[at].never = !taken;
                return Ok(());
            }
            Value::Object(keywords) => keywords,
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(format!("{place}: a schema is an object or a boolean"));
            }
        };
        if let Some(target) = keywords.get("$ref") {
            return self.refer(at, target, keywords, place);
        }
        for (keyword, value) in keywords {
            let place = format!("{place}/{keyword}");
            self.keyword(at, keyword, value, &place)?;
        }
        Ok(())
    }

    /// Beside `$ref` only annotations may stand, so the node simply is the other one.
    fn refer(
        &mut self,
        at: usize,
        target: &'a Value,
        beside: &Map<String, Value>,
        place: &str,
    ) -> Result<(), String> {
        let restricts = |keyword: &&String| !ANNOTATIONS.contains(&keyword.as_str()) && *keyword != "$ref";
        if let Some(keyword) = beside.keys().filter(|keyword| !keyword.starts_with("x-")).find(restricts) {
            return Err(format!("{place}: `{keyword}` beside $ref is outside the subset"));
        }
        let Some(target) = target.as_str() else { return Err(format!("{place}: $ref is not a text")) };
        let named = match self.named.get(target) {
            Some(named) => *named,
            None => {
                let local = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
                let Some(schema) = local else {
                    return Err(format!("{place}: $ref `{target}` leads nowhere"));
                };
                let named = self.reserve(place)?;
                self.named.insert(target, named);
                self.fill(named, schema, target)?;
                named
            }
        };
        self.nodes[at].alias = Some(named);
        Ok(())
    }

    fn keyword(&mut self, at: usize, keyword: &str, value: &'a Value, place: &str) -> Result<(), String> {
        let wrong = || format!("{place}: the keyword has a value of the wrong kind");
        match keyword {
            "type" => self.nodes[at].kinds = Some(kinds(value).ok_or_else(wrong)?),
            "properties" => {
                for (name, schema) in value.as_object().ok_or_else(wrong)? {
                    let node = self.node(schema, &format!("{place}/{name}"))?;
                    self.nodes[at].properties.insert(name.as_str().into(), node);
                }
            }
            "required" => {
                let names =
                    value.as_array().ok_or_else(wrong)?.iter().map(|name| name.as_str().map(Box::from));
                let names: Vec<_> = names.collect::<Option<_>>().ok_or_else(wrong)?;
                if names.len() > 64 {
                    return Err(format!("{place}: more than 64 required properties"));
                }
                self.nodes[at].required = names;
            }
            "additionalProperties" => {
                self.nodes[at].additional = match value {
                    Value::Bool(true) => Additional::Free,
                    Value::Bool(false) => Additional::Refused,
                    Value::Null
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_)
                    | Value::Object(_) => Additional::Like(self.node(value, place)?),
                };
            }
            "items" => self.nodes[at].items = Some(self.node(value, place)?),
            "oneOf" => self.nodes[at].one_of = self.list(value, place)?,
            "anyOf" => self.nodes[at].any_of = self.list(value, place)?,
            "enum" => self.nodes[at].values = Some(value.as_array().ok_or_else(wrong)?.clone()),
            "const" => self.nodes[at].values = Some(vec![value.clone()]),
            "minimum" => self.nodes[at].minimum = Some(value.as_f64().ok_or_else(wrong)?),
            "maximum" => self.nodes[at].maximum = Some(value.as_f64().ok_or_else(wrong)?),
            "exclusiveMinimum" => self.nodes[at].above = Some(value.as_f64().ok_or_else(wrong)?),
            "exclusiveMaximum" => self.nodes[at].below = Some(value.as_f64().ok_or_else(wrong)?),
            "minLength" => self.nodes[at].length.least = Some(value.as_u64().ok_or_else(wrong)?),
            "maxLength" => self.nodes[at].length.most = Some(value.as_u64().ok_or_else(wrong)?),
            "minItems" => self.nodes[at].items_count.least = Some(value.as_u64().ok_or_else(wrong)?),
            "maxItems" => self.nodes[at].items_count.most = Some(value.as_u64().ok_or_else(wrong)?),
            "pattern" => {
                let pattern = regex_lite::Regex::new(value.as_str().ok_or_else(wrong)?);
                self.nodes[at].pattern = Some(pattern.map_err(|error| format!("{place}: {error}"))?);
            }
            "x-yz" => self.nodes[at].secret = value == "secret",
            other if other.starts_with("x-") || ANNOTATIONS.contains(&other) => {}
            _ => return Err(format!("{place}: the keyword is outside the subset")),
        }
        Ok(())
    }

    fn list(&mut self, value: &'a Value, place: &str) -> Result<Vec<usize>, String> {
        let schemas = value.as_array().filter(|list| !list.is_empty());
        let schemas = schemas.ok_or_else(|| format!("{place}: expected a list of schemas"))?;
        schemas
            .iter()
            .enumerate()
            .map(|(index, schema)| self.node(schema, &format!("{place}/{index}")))
            .collect()
    }
}

fn kinds(value: &Value) -> Option<u8> {
    let one = |name: &Value| {
        let name = name.as_str()?;
        kind::NAMES.iter().find(|(known, _)| *known == name).map(|(_, bit)| *bit)
    };
    match value.as_array() {
        Some(names) => names.iter().map(one).try_fold(0, |all, bit| Some(all | bit?)),
        None => one(value),
    }
}
