//! Says what a `where` lets through.

use super::{Teller, label_of};
use crate::expression::Tree;
use crate::form::{Field, Form};

impl Teller<'_> {
    /// Each column with what it must be, one clause each; `form` has the columns' labels.
    pub(super) fn filter(&self, filter: &Tree, form: &Form) -> String {
        let Tree::Map(columns) = filter else { return String::new() };
        let clause = |(name, meant): &(std::sync::Arc<str>, Tree)| {
            let field = form.field(name);
            let value = |tree: &Tree| {
                let said = self.tree(tree);
                field.and_then(|field| label_of(field, &said)).unwrap_or(said)
            };
            let column = self.quoted(field.map_or(&**name, Field::label));
            let fits: Vec<String> = match meant {
                Tree::Map(window) => {
                    window.iter().map(|(word, tree)| self.window(word, &value(tree))).collect()
                }
                Tree::List(any) => {
                    let any: Vec<String> = any.iter().map(value).collect();
                    let any = any.join(&self.pick("或", " or "));
                    vec![self.pick(format!("为{any}"), format!("is {any}"))]
                }
                one @ (Tree::Json(_) | Tree::Text(_)) => {
                    let one = value(one);
                    vec![self.pick(format!("为{one}"), format!("is {one}"))]
                }
            };
            self.pick(format!("{column}{}", fits.join("、")), format!("{column} {}", fits.join(" and ")))
        };
        let clauses: Vec<String> = columns.iter().map(clause).collect();
        clauses.join(&self.pick(",且", " and "))
    }

    fn window(&self, word: &str, value: &str) -> String {
        let no = value == "false";
        let (zh, en) = match word {
            "from" => (format!("从 {value} 起"), format!("is {value} or after")),
            "to" => (format!("到 {value} 为止"), format!("is {value} or before")),
            "after" => (format!("在 {value} 之后"), format!("is after {value}")),
            "before" => (format!("在 {value} 之前"), format!("is before {value}")),
            "not" => (format!("不为{value}"), format!("is not {value}")),
            "contains" => (format!("含「{value}」"), format!("contains “{value}”")),
            "empty" if no => ("不为空".to_owned(), "is not empty".to_owned()),
            "empty" => ("为空".to_owned(), "is empty".to_owned()),
            _ => (format!("{word} {value}"), format!("{word} {value}")),
        };
        self.pick(zh, en)
    }
}
