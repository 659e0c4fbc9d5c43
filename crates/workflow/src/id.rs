//! The names of things: runs, steps, items, tasks, texts. A wrong one does not parse.

use std::fmt;
use std::str::FromStr;

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// An instant in milliseconds since 1970, UTC. All stored instants are this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    #[must_use]
    pub fn plus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// `None` outside the years that jiff knows.
    #[must_use]
    pub fn timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_millisecond(self.0).ok()
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp() {
            Some(instant) => write!(f, "{instant}"),
            None => write!(f, "{}ms", self.0),
        }
    }
}

/// Crockford's base 32: no letter that reads as another, so an id can be told over the telephone.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn base32(number: u64, digits: u32, to: &mut String) {
    for place in (0..digits).rev() {
        let digit = number.checked_shr(5 * place).unwrap_or(0) & 31;
        to.push(char::from(ALPHABET[digit as usize]));
    }
}

fn from_base32(text: &str) -> Option<u64> {
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = ALPHABET.iter().position(|known| *known == byte.to_ascii_lowercase())?;
        number.checked_mul(32)?.checked_add(digit as u64)
    })
}

/// One execution of a workflow, shown as `run_` and 13 characters; rises with time. It is also the row's number in
/// the store, so nothing has to be looked up twice. The ids of children are hashes with the highest bit set, so that
/// they never meet a minted one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(u64);

impl RunId {
    const CHILD: u64 = 1 << 62;
    /// Of the id as text.
    const LENGTH: usize = 17;

    /// The id after `last` that was minted at `now`: always larger than `last`.
    #[must_use]
    pub fn mint(now: Millis, last: Option<Self>) -> Self {
        // 2020-01-01, so that 40 bits of milliseconds last until 2054, and 22 bits count within one.
        let since = u64::try_from(now.0.saturating_sub(1_577_836_800_000)).unwrap_or(0) & ((1 << 40) - 1);
        let least = last.map_or(0, |Self(last)| last + 1);
        Self((since << 22).max(least))
    }

    pub(crate) fn show(self, to: &mut String) {
        to.push_str("run_");
        base32(self.0, 13, to);
    }

    /// One child per item: starting it again after a crash finds the first one.
    #[must_use]
    pub fn child_of(parent: &str) -> Self {
        let hash = Sha256::digest(parent.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        Self((u64::from_be_bytes(first) >> 2) | Self::CHILD)
    }

    /// The first and the last id that begin with these of the 13 characters.
    #[must_use]
    pub fn beginning_with(text: &str) -> Option<(Self, Self)> {
        if text.is_empty() || text.len() > 13 {
            return None;
        }
        let filled = |with: &str| from_base32(&format!("{text}{}", with.repeat(13 - text.len())));
        let (first, last) = (filled("0")?, filled("z")?);
        (last < 1 << 63).then_some((Self(first), Self(last)))
    }

    #[must_use]
    pub fn is_child(self) -> bool {
        self.0 & Self::CHILD != 0
    }

    /// The number under which the store keeps it; fits SQLite's signed 64 bits.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0 as i64
    }

    #[must_use]
    pub fn from_number(number: i64) -> Self {
        Self(number as u64)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(RunId::LENGTH);
        self.show(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a run id, which reads `run_` and 13 letters or digits")]
pub struct BadRunId(pub String);

impl FromStr for RunId {
    type Err = BadRunId;

    fn from_str(text: &str) -> Result<Self, BadRunId> {
        text.strip_prefix("run_")
            .filter(|rest| rest.len() == 13)
            .and_then(from_base32)
            .filter(|number| *number < 1 << 63)
            .map(Self)
            .ok_or_else(|| BadRunId(text.to_owned()))
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A step's place in its workflow's list of steps (all sections, in file order).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepNo(pub u16);

impl StepNo {
    /// The file itself, as the step that holds all others.
    pub const WHOLE: Self = Self(u16::MAX);

    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A scope of a run: 0 is the run itself, every other one is an item of a step that holds steps, numbered as they open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScopeNo(pub u32);

impl ScopeNo {
    pub const RUN: Self = Self(0);

    #[must_use]
    pub fn is_run(&self) -> bool {
        self.0 == 0
    }
}

/// A step where it stands in a run: the steps that a step holds are there once for each of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepAt {
    pub step: StepNo,
    pub scope: ScopeNo,
}

impl StepAt {
    /// A step that no step holds.
    #[must_use]
    pub fn run(step: StepNo) -> Self {
        Self { step, scope: ScopeNo::RUN }
    }

    #[must_use]
    pub fn item(self, round: u32, item: u32) -> Item {
        Item { step: self.step, scope: self.scope, round, item, undo: false, rung: None }
    }
}

/// The smallest piece of work: a step, a round of it, an element of its `each` (0 without). What takes an item back is
/// an item of its own, told apart by `undo`. Within a run one item is one intention. In the journal it is
/// `[step, round, item]`, with `true` behind for an undo, the number of its scope if that is not the run, and
/// `[due, rung]` for what a due time set off beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item {
    pub step: StepNo,
    pub scope: ScopeNo,
    pub round: u32,
    pub item: u32,
    pub undo: bool,
    pub rung: Option<DueRung>,
}

/// A rung that fired: of which due time of its item, and which of its step's rungs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DueRung(pub u16, pub u16);

impl Item {
    #[must_use]
    pub fn place(self) -> StepAt {
        StepAt { step: self.step, scope: self.scope }
    }

    /// Itself, without what is done beside it: what an undo takes back, what a rung belongs to.
    #[must_use]
    pub fn main(self) -> Self {
        Self { undo: false, rung: None, ..self }
    }

    /// A small step beside an item, whose end leads nowhere.
    #[must_use]
    pub fn is_beside(self) -> bool {
        self.undo || self.rung.is_some()
    }

    /// How many parts of the journal's list stand behind the numbers.
    fn marks(&self) -> usize {
        usize::from(self.undo) + usize::from(!self.scope.is_run()) + usize::from(self.rung.is_some())
    }

    fn write_marks<S: SerializeSeq>(&self, parts: &mut S) -> Result<(), S::Error> {
        if self.undo {
            parts.serialize_element(&true)?;
        }
        if !self.scope.is_run() {
            parts.serialize_element(&self.scope)?;
        }
        if let Some(rung) = &self.rung {
            parts.serialize_element(rung)?;
        }
        Ok(())
    }
}

/// An item and the attempt that is meant: whoever speaks of another attempt is an echo. In the journal it is
/// `[step, round, item, attempt]`, with the same marks behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    pub item: Item,
    pub attempt: u32,
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut parts = to.serialize_seq(Some(3 + self.marks()))?;
        parts.serialize_element(&self.step)?;
        parts.serialize_element(&self.round)?;
        parts.serialize_element(&self.item)?;
        self.write_marks(&mut parts)?;
        parts.end()
    }
}

impl Serialize for Attempt {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut parts = to.serialize_seq(Some(4 + self.item.marks()))?;
        parts.serialize_element(&self.item.step)?;
        parts.serialize_element(&self.item.round)?;
        parts.serialize_element(&self.item.item)?;
        parts.serialize_element(&self.attempt)?;
        self.item.write_marks(&mut parts)?;
        parts.end()
    }
}

/// Reads `N` numbers and, perhaps, the marks of an undo and of a scope.
struct Parts<const N: usize>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Mark {
    Undo(bool),
    Scope(ScopeNo),
    Rung(DueRung),
}

/// What stands behind the numbers of an item.
#[derive(Default)]
struct Marks {
    undo: bool,
    scope: ScopeNo,
    rung: Option<DueRung>,
}

impl<'de, const N: usize> Visitor<'de> for Parts<N> {
    type Value = ([u32; N], Marks);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{N} numbers, perhaps `true`, perhaps the number of a scope, perhaps a due time and its rung"
        )
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let mut numbers = [0; N];
        for (at, number) in numbers.iter_mut().enumerate() {
            *number = parts.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(at, &self))?;
        }
        let mut marks = Marks::default();
        while let Some(mark) = parts.next_element()? {
            match mark {
                Mark::Undo(is) => marks.undo = is,
                Mark::Scope(of) => marks.scope = of,
                Mark::Rung(of) => marks.rung = Some(of),
            }
        }
        Ok((numbers, marks))
    }
}

fn step_no<E: serde::de::Error>(number: u32) -> Result<StepNo, E> {
    u16::try_from(number).map(StepNo).map_err(|_| E::custom("a step's number is at most 65535"))
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let ([step, round, item], Marks { undo, scope, rung }) = from.deserialize_seq(Parts::<3>)?;
        Ok(Self { step: step_no(step)?, scope, round, item, undo, rung })
    }
}

impl<'de> Deserialize<'de> for Attempt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let ([step, round, item, attempt], Marks { undo, scope, rung }) = from.deserialize_seq(Parts::<4>)?;
        Ok(Self { item: Item { step: step_no(step)?, scope, round, item, undo, rung }, attempt })
    }
}

/// The key that plugins hand on: 32 characters, the hash of the house's name and the readable key, and so the same for
/// every attempt.
#[must_use]
pub fn outward_key(house: &str, readable: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(house.as_bytes());
    hash.update([0]);
    hash.update(readable.as_bytes());
    let hash = hash.finalize();
    hash.chunks_exact(5).take(4).fold(String::with_capacity(32), |mut text, chunk| {
        let number = chunk.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        base32(number, 8, &mut text);
        text
    })
}

/// The id of one opening of a task: links and commands name it, so that those of an earlier opening are void.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    #[must_use]
    pub fn of(readable: &str, attempt: u32) -> Self {
        let hash = Sha256::digest(format!("{readable}#{attempt}").as_bytes());
        let number = hash.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let mut text = "task_".to_owned();
        base32(number & ((1 << 50) - 1), 10, &mut text);
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a task id, which reads `task_` and 10 letters or digits")]
pub struct BadTaskId(pub String);

impl FromStr for TaskId {
    type Err = BadTaskId;

    fn from_str(text: &str) -> Result<Self, BadTaskId> {
        text.strip_prefix("task_")
            .filter(|rest| rest.len() == 10 && from_base32(rest).is_some())
            .map(|rest| Self(format!("task_{}", rest.to_ascii_lowercase())))
            .ok_or_else(|| BadTaskId(text.to_owned()))
    }
}

/// The hash of a workflow's text with everything that is part of it (tables, text files), in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextHash(pub std::sync::Arc<str>);

impl fmt::Display for TextHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_reads_back_and_rises_even_when_the_clock_falls_back() {
        let first = RunId::mint(Millis(1_790_000_000_000), None);
        let second = RunId::mint(Millis(1_780_000_000_000), Some(first));
        assert!(second > first);
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!(RunId::from_number(first.number()), first);
        assert!("run_abc".parse::<RunId>().is_err());
        assert!("task_0123456789abc".parse::<RunId>().is_err());
    }

    #[test]
    fn the_first_characters_of_an_id_name_all_that_begin_with_them_and_no_other() {
        let id = RunId::mint(Millis(1_790_000_000_000), None);
        let text = id.to_string();
        for length in 1..=13 {
            let (first, last) = RunId::beginning_with(&text[4..4 + length]).unwrap();
            assert!(first <= id && id <= last, "{length}");
        }
        assert_eq!(RunId::beginning_with(&text[4..]), Some((id, id)));
        let (_, last) = RunId::beginning_with("0").unwrap();
        assert_eq!(RunId::beginning_with("1").map(|(first, _)| first.number()), Some(last.number() + 1));
        for wrong in ["", "8", "l", "run_0", "00000000000000"] {
            assert_eq!(RunId::beginning_with(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_child_has_one_id_per_item_and_never_that_of_a_minted_run() {
        let child = RunId::child_of("run_x/refund/1/0");
        assert_eq!(child, RunId::child_of("run_x/refund/1/0"));
        assert_ne!(child, RunId::child_of("run_x/refund/2/0"));
        assert!(child.is_child() && !RunId::mint(Millis(1_790_000_000_000), None).is_child());
        assert_eq!(child.to_string().parse(), Ok(child));
    }

    #[test]
    fn an_outward_key_is_32_characters_and_differs_by_house() {
        let key = outward_key("a", "run_x/mail/1/0");
        assert_eq!(key.len(), 32);
        assert_eq!(key, outward_key("a", "run_x/mail/1/0"));
        assert_ne!(key, outward_key("b", "run_x/mail/1/0"));
    }
}
