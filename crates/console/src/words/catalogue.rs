//! Every text of the pages by its name: Chinese in `zh.rs`, English in `en.rs`.
//!
//! What English lacks does not compile, and what only English has is not used by anybody, which the compiler says too.

macro_rules! english {
    ($($name:ident: $said:literal;)*) => {
        $(pub(super) const $name: &str = $said;)*
    };
}

macro_rules! chinese {
    ($($name:ident: $said:literal;)*) => {
        use super::{super::Text, en};

        $(pub(crate) const $name: Text = Text { zh: $said, en: en::$name };)*

        #[cfg(test)]
        pub(crate) const ALL: &[(&str, Text)] = &[$((stringify!($name), $name)),*];
    };
}

mod en;
mod zh;

pub(crate) use zh::*;
