//! The sorts of values, and those that an expression may give so far as its file says it.

/// What a value is like, for those who compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Flag,
    Number,
    Text,
    List,
    Map,
}

const ALL: [Sort; 5] = [Sort::Flag, Sort::Number, Sort::Text, Sort::List, Sort::Map];

/// Each sort that a value may have: `x | default('none')` of a number is a number or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorts(u8);

impl Sorts {
    /// Nobody can say what it is.
    pub const UNKNOWN: Self = Self(1 << 6);
    /// Nothing in the clothes of a text: it is compared with everything, and calculated with nothing.
    pub(super) const BLANK: Self = Self(1 << 7);
    /// A text that is neither a day nor a time.
    pub const WORD: Self = Self(1 << 5);
    const NONE: Self = Self(0);

    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub fn has(self, sort: Sort) -> bool {
        self.0 & Self::all_of(sort).0 != 0
    }

    /// A word is a text, too.
    fn all_of(sort: Sort) -> Self {
        let own = Self::from(sort);
        if sort == Sort::Text { own.or(Self::WORD) } else { own }
    }

    /// Whether it may be a text that is no day.
    pub(super) fn may_be_word(self) -> bool {
        self.0 & Self::WORD.0 != 0
    }

    /// The same, where a word among other texts is no more than one of them.
    #[must_use]
    pub fn without_words_among_texts(self) -> Self {
        let text = Self::from(Sort::Text);
        if self.0 & text.0 == 0 { self } else { Self(self.0 & !Self::WORD.0) }
    }

    /// Whether it has this one, or nobody knows.
    pub(super) fn may_be(self, sort: Sort) -> bool {
        self.has(sort) || self.0 & Self::UNKNOWN.0 != 0
    }

    /// Those that are known.
    pub fn known(self) -> impl Iterator<Item = Sort> {
        ALL.into_iter().filter(move |sort| self.has(*sort))
    }

    /// The only one that it may have.
    #[must_use]
    pub fn only(self) -> Option<Sort> {
        self.known().next().filter(|sort| self.0 & !Self::all_of(*sort).0 == 0)
    }

    /// The known ones, with a blank as the text it is.
    pub(super) fn with_blank(self) -> impl Iterator<Item = Sort> {
        let blank = (self.0 & Self::BLANK.0 != 0).then_some(Sort::Text);
        self.known().chain(blank.filter(|sort| !self.has(*sort)))
    }

    /// Of what is false: an empty text or list is blank.
    pub(super) fn of_what_is_false(self) -> Self {
        let empty = [Sort::Text, Sort::List].map(|sort| Self::all_of(sort).0);
        let is_empty = self.0 & (empty[0] | empty[1]) != 0;
        let rest = Self(self.0 & !(empty[0] | empty[1]));
        if is_empty { rest.or(Self::BLANK) } else { rest }
    }

    /// Of what is true, which is never blank.
    pub(super) fn of_what_is_true(self) -> Self {
        Self(self.0 & !Self::BLANK.0)
    }

    /// Nothing is known of what may have several.
    pub(super) fn unless_several(self) -> Self {
        let own = self.without_words_among_texts();
        if own.0.is_power_of_two() { own } else { Self::UNKNOWN }
    }

    /// Of several values, one of which is meant; of none, nothing is known.
    pub fn of_any(all: impl IntoIterator<Item = Self>) -> Self {
        let any = all.into_iter().fold(Self::NONE, Self::or);
        if any == Self::NONE { Self::UNKNOWN } else { any }
    }
}

impl From<Sort> for Sorts {
    fn from(sort: Sort) -> Self {
        Self(match sort {
            Sort::Flag => 1,
            Sort::Number => 1 << 1,
            Sort::Text => 1 << 2,
            Sort::List => 1 << 3,
            Sort::Map => 1 << 4,
        })
    }
}

impl From<Option<Sort>> for Sorts {
    fn from(sort: Option<Sort>) -> Self {
        sort.map_or(Self::UNKNOWN, Self::from)
    }
}
