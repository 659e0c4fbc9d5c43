//! What all pages of the console have: the way around, who is signed in, and how times and people are shown.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use maud::{DOCTYPE, Markup, html};
use yizhan_workflow::people::bare;
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::World;

use crate::caller::Caller;
use crate::words::{catalogue as t, say};

/// The pages that the way around names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Tasks,
    Cases,
    Runs,
}

impl Place {
    const ALL: [Self; 3] = [Self::Tasks, Self::Cases, Self::Runs];

    fn path(self) -> &'static str {
        match self {
            Self::Tasks => "/tasks",
            Self::Cases => "/new",
            Self::Runs => "/runs",
        }
    }

    fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Tasks => say(lang, t::MY_TASKS),
            Self::Cases => say(lang, t::NEW_CASE),
            Self::Runs => say(lang, t::CASES),
        }
    }

    fn is_for(self, caller: &Caller) -> bool {
        match self {
            Self::Tasks | Self::Cases => true,
            Self::Runs => caller.rights.may_somewhere(Role::Viewer),
        }
    }
}

/// Who reads a page, and when.
pub(crate) struct Reader<'r> {
    pub lang: Lang,
    pub caller: &'r Caller,
    pub world: &'r World,
    pub now: Timestamp,
}

impl Reader<'_> {
    fn zone(&self) -> TimeZone {
        self.world.zone.clone()
    }

    /// A time as a clock of the house shows it: today without the date, this year without the year.
    pub(crate) fn time(&self, at: &str) -> String {
        let Ok(at) = at.parse::<Timestamp>() else { return at.to_owned() };
        let (at, now) = (at.to_zoned(self.zone()), self.now.to_zoned(self.zone()));
        let clock = at.strftime("%H:%M").to_string();
        let day = |word: &str| format!("{word} {clock}");
        match days_between(&now, &at) {
            Some(0) => day(say(self.lang, t::TODAY)),
            Some(1) => day(say(self.lang, t::TOMORROW)),
            Some(-1) => day(say(self.lang, t::YESTERDAY)),
            _ if at.year() == now.year() => at.strftime("%m-%d %H:%M").to_string(),
            _ => at.strftime("%Y-%m-%d %H:%M").to_string(),
        }
    }

    /// A person by name, a word without its kind, an address as it is.
    pub(crate) fn who(&self, who: &str) -> String {
        let known = self.world.people.people.get(bare(who)).map(|person| person.name.clone());
        known.unwrap_or_else(|| who.split_once(':').map_or(who, |(_, name)| name).to_owned())
    }
}

fn days_between(from: &Zoned, to: &Zoned) -> Option<i32> {
    (to.date() - from.date()).get_days().into()
}

/// A whole page.
pub(crate) fn page(reader: &Reader<'_>, at: Place, title: &str, content: &Markup) -> String {
    let lang = reader.lang;
    let own = reader.caller.person().map(|id| reader.who(id));
    let page = html! {
        (DOCTYPE)
        html lang=(say(lang, t::LANG_TAG)) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (say(lang, t::YIZHAN)) }
                link rel="stylesheet" href="/assets/page.css";
            }
            body.console {
                a.skip href="#content" { (say(lang, t::SKIP_TO_THE_CONTENT)) }
                header.top {
                    a.mark href="/tasks" { (say(lang, t::YIZHAN)) }
                    nav aria-label=(say(lang, t::MAIN_PAGES)) {
                        @for place in Place::ALL.into_iter().filter(|place| place.is_for(reader.caller)) {
                            a href=(place.path()) aria-current=[(place == at).then_some("page")] { (place.name(lang)) }
                        }
                    }
                    @if let Some(own) = own {
                        form.out method="post" action="/sign-out" {
                            span.own { (own) }
                            button.plain type="submit" { (say(lang, t::SIGN_OUT)) }
                        }
                    }
                }
                main #content { (content) }
            }
        }
    };
    page.into_string()
}
