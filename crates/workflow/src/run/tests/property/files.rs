//! Random workflow files. All zeros is the plainest file, so that a failing case shrinks to something a person can read.

use std::fmt::Write as _;

use proptest::prelude::*;

type Bytes = [u8; 14];

pub(super) fn any_file() -> impl Strategy<Value = String> {
    // A step with bytes of others holds those.
    let held = prop_oneof![4 => Just(vec![]), 1 => prop::collection::vec(any::<Bytes>(), 1..4)];
    let main = prop::collection::vec((any::<Bytes>(), held), 1..7);
    let closing = prop::collection::vec(any::<Bytes>(), 0..3);
    let limited = prop::bool::weighted(0.2);
    (main, closing, limited).prop_map(|(main, closing, limited)| {
        let mut file = File { path: "step".to_owned(), name: "s".to_owned(), ..File::default() };
        if limited {
            file.line("limit = { key = \"k\", most = 1 }");
        }
        main.iter().for_each(|(bytes, held)| file.step(bytes, held));
        closing.iter().enumerate().for_each(|(at, bytes)| file.closing(at, bytes));
        file.text
    })
}

const USES: [&str; 4] = ["pure", "idem", "keyed", "once"];

#[derive(Default)]
struct File {
    text: String,
    /// The table that the steps stand in, and what their names begin with.
    path: String,
    name: String,
    /// A step outside whose output the steps may read.
    outside: Option<String>,
    /// By step: whether its fields are those of an action, and what is before it.
    uses: Vec<bool>,
    before: Vec<Vec<usize>>,
}

impl File {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").unwrap();
    }

    fn step(&mut self, b: &Bytes, held: &[Bytes]) {
        let at = self.uses.len();
        let own = format!("{}{at}", self.name);
        let kind = if held.is_empty() { self.kind_of(b) } else { "hold" };
        self.plain(b, kind, &own);
        let mut inside = File {
            path: format!("{}.{own}.step", self.path),
            name: format!("{own}x"),
            outside: self.readable(&self.before[at]),
            ..Self::default()
        };
        held.iter().for_each(|bytes| inside.step(bytes, &[]));
        self.text.push_str(&inside.text);
    }

    fn kind_of(&self, b: &Bytes) -> &'static str {
        [
            "pure", "keyed", "once", "ask", "wait", "run", "check", "end", "idem", "keyed", "once", "await",
            "detach",
        ][usize::from(b[0] % 13)]
    }

    /// The last of these steps whose output others may read, or one outside.
    fn readable(&self, before: &[usize]) -> Option<String> {
        let last = before.iter().rev().copied().find(|no| self.uses[*no]);
        last.map(|no| format!("{}{no}", self.name)).or_else(|| self.outside.clone())
    }

    fn plain(&mut self, b: &Bytes, kind: &'static str, own: &str) {
        let at = self.uses.len();
        let needs = self.needs(at, b[1]);
        let mut before = needs.clone();
        for need in &needs {
            before.extend(self.before[*need].clone());
        }
        before.sort_unstable();
        before.dedup();
        // A step before this one whose output its expressions may read.
        let read = self.readable(&before);
        self.line(&format!("[{}.{own}]", self.path));
        let names: Vec<String> = needs.iter().map(|need| format!("\"{}{need}\"", self.name)).collect();
        if b[13] >= 200 && !names.is_empty() {
            self.line(&format!("needs = {{ first = [{}] }}", names.join(", ")));
        } else {
            self.line(&format!("needs = [{}]", names.join(", ")));
        }
        if b[12] >= 200 && !matches!(kind, "check" | "end" | "wait" | "await") {
            self.line("limit = { key = \"k\", most = 1 }");
        }
        let each = b[2] >= 180 && !matches!(kind, "check" | "end");
        if each {
            self.each(b[2], read.as_deref());
        }
        self.when(b[3], kind, read.as_deref());
        self.kind(kind, b, read.as_deref(), own);
        if !matches!(kind, "check" | "end") && b[4] >= 100 {
            self.undo(b[4], kind, own, each);
        }
        let targets: Vec<usize> = before.iter().copied().chain([at]).collect();
        let target = format!("{}{}", self.name, targets[usize::from(b[6]) % targets.len()]);
        if !each && b[5] >= 100 {
            self.on(kind, b, &target);
        }
        match b[8] {
            0..=119 => {}
            120..=169 => self.line("on_error = \"continue\""),
            230.. => self.line("on_error = \"ask\""),
            more => {
                let then = if more & 1 == 1 { ", then = { go = \"done:anders\" }" } else { "" };
                self.line(&format!("on_error = {{ back_to = \"{target}\", most = {}{then} }}", 1 + b[7] % 2));
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

    fn each(&mut self, byte: u8, read: Option<&str>) {
        match read {
            Some(read) if byte >= 230 => self.line(&format!("each = \"{{{{ step.{read}.list }}}}\"")),
            _ => {
                let list = ["[]", "[1]", "[1, 2]", "[1, 2, 3]"][usize::from(byte % 4)];
                self.line(&format!("each = \"{{{{ {list} }}}}\""));
            }
        }
        if !byte.is_multiple_of(3) {
            self.line(&format!("at_once = {}", byte % 3));
        }
    }

    fn when(&mut self, byte: u8, kind: &str, read: Option<&str>) {
        match (byte, read) {
            (0..=149, _) if kind != "end" => {}
            (180..=199, _) => self.line("when = \"false\""),
            (200..=239, Some(read)) => self.line(&format!("when = \"step.{read}.fine\"")),
            (240.., Some(read)) => self.line(&format!("when = \"1 / step.{read}.zero > 0\"")),
            _ => self.line("when = \"true\""),
        }
    }

    fn kind(&mut self, kind: &str, b: &Bytes, read: Option<&str>, at: &str) {
        match kind {
            "ask" => {
                let need = approval(b);
                match need {
                    Some(need) => self.line(&format!(
                        "ask = [\"group:热线\", \"role:班长\", \"person:li\"]\napprove = {need}"
                    )),
                    None if b[10] % 8 == 3 => self.line("ask = { in_turn = \"group:热线\" }"),
                    None => self.line("ask = \"group:热线\""),
                }
                self.line("form.ok = { type = \"yesno\" }");
                if b[11] & 1 == 1 {
                    self.line(if b[11] & 4 == 0 { "due = \"4h\"" } else { "due = 2020-01-01" });
                    self.ladder(b, need.is_some());
                }
            }
            "wait" => self.line(if b[11] & 4 == 0 { "wait = \"1h\"" } else { "wait = 2020-01-01" }),
            "run" => self.line("run = \"other\""),
            "detach" => self.line("run = \"other\"\ndetach = true"),
            "await" => {
                self.line("await = \"paid\"\nkey = \"A1\"");
                if b[11] & 1 == 1 {
                    self.line("due = \"4h\"");
                }
            }
            "hold" => self.line("title = \"hält\""),
            "check" => match read {
                Some(read) => self.line(&format!("check = \"step.{read}.fine\"")),
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
                        self.line(&format!("with.x = \"{{{{ 1 / step.{read}.zero }}}}\""));
                    }
                    _ => self.line(&format!("with.own = \"{{{{ step.{at}.fine }}}}\"")),
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

    /// What hangs on a due time: words, other people, a decision, steps of its own.
    fn ladder(&mut self, b: &Bytes, signed: bool) {
        let ends_late = b[5] >= 100 && b[11] & 3 == 3;
        let third = match b[9] % 4 {
            0 if !ends_late && signed => "{ at = \"+2h\", decide = { ok = true, approved = true } }",
            0 if !ends_late => "{ at = \"+2h\", decide = { ok = true } }",
            1 => "{ at = \"+2h\", use = \"t.once\" }",
            2 => "{ at = \"+2h\", run = \"other\" }",
            _ => "{ at = \"+2h\", ask = \"role:班长\", form.ok = { type = \"yesno\" } }",
        };
        if b[12] >= 60 {
            self.line("remind = [\"-1h\", { at = \"every 90min\", tell = \"role:班长\" }]");
        }
        if b[10] >= 60 {
            let first = "{ at = \"+0h\", use = \"t.keyed\" }, { at = \"+1h\", reassign = \"person:li\" }";
            self.line(&format!("escalate = [{first}, {third}]"));
        }
    }

    fn undo(&mut self, byte: u8, kind: &str, at: &str, each: bool) {
        match byte % 7 {
            0 | 1 => self.line("undo.use = \"t.keyed\""),
            2 => self.line("undo.use = \"t.once\""),
            3 => self.line("undo.ask = \"group:热线\"\nundo.form.ok = { type = \"yesno\" }"),
            4 => self.line("undo.wait = \"1h\""),
            5 => self.line("undo.run = \"other\""),
            _ => {
                self.line("undo.use = \"t.pure\"");
                if USES.contains(&kind) && !each {
                    self.line(&format!("undo.with.x = \"{{{{ 1 / step.{at}.zero }}}}\""));
                }
            }
        }
        if byte >= 220 {
            self.line("undo.keep = true");
        }
    }

    fn on(&mut self, kind: &str, b: &Bytes, target: &str) {
        let outcome = match kind {
            "ask" if approval(b).is_some() => "refused",
            "ask" => "ok.no",
            "check" => "no",
            "run" => "other",
            "wait" | "end" => return,
            "hold" | "detach" => "done",
            _ => "kind.bad",
        };
        let goes = match b[5] {
            0..=199 => {
                // A gate goes back within one decision, so it needs a bound.
                let most = if matches!(kind, "check" | "hold" | "detach") || b[7] & 4 == 0 {
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
                format!("{{ back_to = \"{target}\"{most}{after}{then} }}")
            }
            200..=224 => "{ go = \"done:gut\" }".to_owned(),
            225..=239 => "{ go = \"cancel:schade\" }".to_owned(),
            _ => "{ go = \"fail:schlecht\" }".to_owned(),
        };
        self.line(&format!("on.{outcome} = {goes}"));
        if matches!(kind, "ask" | "await") && b[11] & 3 == 3 {
            self.line("on.late = { go = \"cancel:zu spät\" }");
        }
    }

    fn closing(&mut self, at: usize, b: &Bytes) {
        if b[3] & 1 == 1 {
            self.line(&format!("[on_cancel.c{at}]\nneeds = []\nuse = \"t.keyed\""));
            return;
        }
        self.line(&format!("[on_failure.f{at}]"));
        if b[1] & 1 == 1 {
            self.line("needs = []");
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

/// How many must sign, where several do.
fn approval(b: &Bytes) -> Option<&'static str> {
    // A refusal must be read.
    let alone = b[2] >= 180 || b[12] >= 200 || b[5] < 100;
    [None, None, None, None, Some("\"all\""), Some("\"one\""), Some("\"in order\""), Some("2")]
        [usize::from(b[10] % 8)]
    .filter(|_| !alone)
}
