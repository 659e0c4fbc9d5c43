//! Random workflow files. All zeros is the plainest file, so that a failing case shrinks to something a person can read.

use std::fmt::Write as _;

use proptest::prelude::*;

type Bytes = [u8; 12];

pub(super) fn any_file() -> impl Strategy<Value = String> {
    let main = prop::collection::vec(any::<Bytes>(), 1..7);
    let closing = prop::collection::vec(any::<Bytes>(), 0..3);
    (main, closing).prop_map(|(main, closing)| {
        let mut file = File::default();
        main.iter().for_each(|bytes| file.step(bytes));
        closing.iter().enumerate().for_each(|(at, bytes)| file.closing(at, bytes));
        file.text
    })
}

const USES: [&str; 4] = ["pure", "idem", "keyed", "once"];

#[derive(Default)]
struct File {
    text: String,
    /// By step: whether its fields are those of an action, and what is before it.
    uses: Vec<bool>,
    before: Vec<Vec<usize>>,
}

impl File {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").unwrap();
    }

    fn step(&mut self, b: &Bytes) {
        let at = self.uses.len();
        let kind = ["pure", "keyed", "once", "ask", "wait", "run", "check", "end", "idem", "keyed", "once"]
            [usize::from(b[0] % 11)];
        let needs = self.needs(at, b[1]);
        let mut before = needs.clone();
        for need in &needs {
            before.extend(self.before[*need].clone());
        }
        before.sort_unstable();
        before.dedup();
        // A step before this one whose output its expressions may read.
        let read = before.iter().rev().copied().find(|no| self.uses[*no]);
        self.line(&format!("[step.s{at}]"));
        let names: Vec<String> = needs.iter().map(|need| format!("\"s{need}\"")).collect();
        self.line(&format!("needs = [{}]", names.join(", ")));
        let each = b[2] >= 180 && !matches!(kind, "check" | "end");
        if each {
            self.each(b[2], read);
        }
        self.when(b[3], kind, read);
        self.kind(kind, b, read, at);
        if !matches!(kind, "check" | "end") && b[4] >= 100 {
            self.undo(b[4], kind, at, each);
        }
        let targets: Vec<usize> = before.iter().copied().chain([at]).collect();
        let target = targets[usize::from(b[6]) % targets.len()];
        if !each && b[5] >= 100 {
            self.on(kind, b, target);
        }
        match b[8] {
            0..=119 => {}
            120..=169 => self.line("on_error = \"continue\""),
            more => {
                let then = if more & 1 == 1 { ", then = { go = \"done:anders\" }" } else { "" };
                self.line(&format!(
                    "on_error = {{ back_to = \"s{target}\", most = {}{then} }}",
                    1 + b[7] % 2
                ));
            }
        }
        self.uses.push(USES.contains(&kind) && !each);
        self.before.push(before);
    }

    fn needs(&self, at: usize, byte: u8) -> Vec<usize> {
        match byte % 4 {
            _ if at == 0 => vec![],
            0 => vec![at - 1],
            1 => vec![],
            2 => (0..at).filter(|no| (byte >> 2) & (1 << no) != 0).collect(),
            _ => {
                let other = usize::from(byte / 4) % at;
                if other == at - 1 { vec![other] } else { vec![other, at - 1] }
            }
        }
    }

    fn each(&mut self, byte: u8, read: Option<usize>) {
        match read {
            Some(read) if byte >= 230 => self.line(&format!("each = \"{{{{ step.s{read}.list }}}}\"")),
            _ => {
                let list = ["[]", "[1]", "[1, 2]", "[1, 2, 3]"][usize::from(byte % 4)];
                self.line(&format!("each = \"{{{{ {list} }}}}\""));
            }
        }
        if !byte.is_multiple_of(3) {
            self.line(&format!("at_once = {}", byte % 3));
        }
    }

    fn when(&mut self, byte: u8, kind: &str, read: Option<usize>) {
        match (byte, read) {
            (0..=149, _) if kind != "end" => {}
            (180..=199, _) => self.line("when = \"false\""),
            (200..=239, Some(read)) => self.line(&format!("when = \"step.s{read}.fine\"")),
            (240.., Some(read)) => self.line(&format!("when = \"1 / step.s{read}.zero > 0\"")),
            _ => self.line("when = \"true\""),
        }
    }

    fn kind(&mut self, kind: &str, b: &Bytes, read: Option<usize>, at: usize) {
        match kind {
            "ask" => {
                self.line("ask = \"group:热线\"\nform.ok = { type = \"yesno\" }");
                if b[11] & 1 == 1 {
                    self.line(if b[11] & 4 == 0 { "due = \"4h\"" } else { "due = 2020-01-01" });
                }
            }
            "wait" => self.line(if b[11] & 4 == 0 { "wait = \"1h\"" } else { "wait = 2020-01-01" }),
            "run" => self.line("run = \"other\""),
            "check" => match read {
                Some(read) => self.line(&format!("check = \"step.s{read}.fine\"")),
                None => self.line(if b[11] & 1 == 0 { "check = \"true\"" } else { "check = \"false\"" }),
            },
            "end" => {
                let end = ["done:genug", "cancel:genug", "fail:genug"][usize::from(b[11] % 3)];
                self.line(&format!("end = \"{end}\""));
            }
            action => {
                self.line(&format!("use = \"t.{action}\"\nwith.round = \"{{{{ round }}}}\""));
                match read {
                    Some(read) if b[10] >= 225 => {
                        self.line(&format!("with.x = \"{{{{ 1 / step.s{read}.zero }}}}\""));
                    }
                    _ => self.line(&format!("with.own = \"{{{{ step.s{at}.fine }}}}\"")),
                }
                if b[9] > 200 {
                    self.line("give_up = \"20s\"");
                }
            }
        }
        if b[9] >= 100 && (USES.contains(&kind) || kind == "run") {
            self.line(&format!("retry = {{ times = {}, first = \"5s\", jitter = 0.0 }}", b[9] % 3));
        }
    }

    fn undo(&mut self, byte: u8, kind: &str, at: usize, each: bool) {
        match byte % 7 {
            0 | 1 => self.line("undo.use = \"t.keyed\""),
            2 => self.line("undo.use = \"t.once\""),
            3 => self.line("undo.ask = \"group:热线\"\nundo.form.ok = { type = \"yesno\" }"),
            4 => self.line("undo.wait = \"1h\""),
            5 => self.line("undo.run = \"other\""),
            _ => {
                self.line("undo.use = \"t.pure\"");
                if USES.contains(&kind) && !each {
                    self.line(&format!("undo.with.x = \"{{{{ 1 / step.s{at}.zero }}}}\""));
                }
            }
        }
        if byte >= 220 {
            self.line("undo.keep = true");
        }
    }

    fn on(&mut self, kind: &str, b: &Bytes, target: usize) {
        let outcome = match kind {
            "ask" => "ok.no",
            "check" => "no",
            "run" => "other",
            "wait" | "end" => return,
            _ => "kind.bad",
        };
        let goes = match b[5] {
            0..=199 => {
                // A gate goes back within one decision, so it needs a bound.
                let most = if kind == "check" || b[7] & 4 == 0 {
                    format!(", most = {}", 1 + b[7] % 2)
                } else {
                    String::new()
                };
                let after = if b[7] & 8 == 0 { "" } else { ", after = \"1h\"" };
                let then = match (b[7] >> 4, most.is_empty()) {
                    (8..=10, false) => ", then = { go = \"cancel:voll\" }",
                    (11..=12, false) => ", then = { go = \"fail:voll\" }",
                    (13..=15, false) => ", then = { go = \"done:voll\" }",
                    _ => "",
                };
                format!("{{ back_to = \"s{target}\"{most}{after}{then} }}")
            }
            200..=224 => "{ go = \"done:gut\" }".to_owned(),
            225..=239 => "{ go = \"cancel:schade\" }".to_owned(),
            _ => "{ go = \"fail:schlecht\" }".to_owned(),
        };
        self.line(&format!("on.{outcome} = {goes}"));
        if kind == "ask" && b[11] & 3 == 3 {
            self.line("on.late = { go = \"cancel:zu spät\" }");
        }
    }

    fn closing(&mut self, at: usize, b: &Bytes) {
        self.line(&format!("[on_failure.f{at}]"));
        if b[1] & 1 == 1 {
            self.line("needs = []");
        } else if at > 0 {
            self.line(&format!("needs = [\"f{}\"]", at - 1));
        }
        if b[2] >= 180 {
            self.line("each = \"{{ [1, 2] }}\"");
        }
        match b[0] % 4 {
            0 => self.line("use = \"t.pure\""),
            1 => self.line("use = \"t.once\""),
            2 => self.line("ask = \"group:热线\"\nform.ok = { type = \"yesno\" }"),
            _ => self.line("use = \"t.keyed\"\nwith.why = \"{{ run.error.message }}\""),
        }
    }
}
