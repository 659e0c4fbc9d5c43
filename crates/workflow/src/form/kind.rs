//! The types that a field may have.

/// What kind of value a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Whole,
    Money,
    Yesno,
    Date,
    Time,
    Datetime,
    Choice,
    Choices,
    Phone,
    Email,
    IdCard,
    File,
    Files,
    Person,
    /// Rows of fields.
    Table,
    /// Things that are there or missing.
    Checklist,
    /// Signed, or refused.
    Signature,
}

impl Kind {
    /// In the order in which a message lists them.
    pub const ALL: &[(&str, Self)] = &[
        ("text", Self::Text),
        ("number", Self::Number),
        ("whole", Self::Whole),
        ("money", Self::Money),
        ("yesno", Self::Yesno),
        ("date", Self::Date),
        ("time", Self::Time),
        ("datetime", Self::Datetime),
        ("choice", Self::Choice),
        ("choices", Self::Choices),
        ("phone", Self::Phone),
        ("email", Self::Email),
        ("id_card", Self::IdCard),
        ("file", Self::File),
        ("files", Self::Files),
        ("person", Self::Person),
        ("table", Self::Table),
        ("checklist", Self::Checklist),
        ("signature", Self::Signature),
    ];

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("text", |(name, _)| name)
    }

    #[must_use]
    pub fn has_options(self) -> bool {
        matches!(self, Self::Choice | Self::Choices | Self::Checklist)
    }

    /// The words that `on.<field>.<word>` may have beside those of options.
    #[must_use]
    pub fn outcomes(self) -> &'static [&'static str] {
        match self {
            Self::Yesno => &["yes", "no"],
            Self::Checklist => &["complete", "missing"],
            Self::Signature => &["signed", "refused"],
            Self::Text
            | Self::Number
            | Self::Whole
            | Self::Money
            | Self::Date
            | Self::Time
            | Self::Datetime
            | Self::Choice
            | Self::Choices
            | Self::Phone
            | Self::Email
            | Self::IdCard
            | Self::File
            | Self::Files
            | Self::Person
            | Self::Table => &[],
        }
    }
}
