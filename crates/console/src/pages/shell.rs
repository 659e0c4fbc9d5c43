//! What all pages of the console have: the way around, who is signed in, and how times and people are shown.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use maud::{DOCTYPE, Markup, html};
use yizhan_workflow::people::rights::Role;
use yizhan_workflow::problem::Lang;
use yizhan_workflow::run::World;

use super::{assets, given};
use crate::caller::Caller;
use crate::desk::Desk;
use crate::words::{called, catalogue as t, say, say_with};

/// The pages that the way around names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Tasks,
    Cases,
    Runs,
    Workflows,
    /// Registers and figures.
    Registers,
    System,
    /// None of them.
    Elsewhere,
}

impl Place {
    const ALL: [Self; 6] =
        [Self::Tasks, Self::Cases, Self::Runs, Self::Workflows, Self::Registers, Self::System];

    fn path(self) -> &'static str {
        match self {
            Self::Tasks => "/tasks",
            Self::Cases => "/new",
            Self::Runs => "/runs",
            Self::Workflows => "/workflows",
            Self::Registers => "/registers",
            Self::System => "/system",
            Self::Elsewhere => "/",
        }
    }

    /// To which of them an address belongs.
    pub(crate) fn at(path: &str) -> Self {
        let first = path.split('/').nth(1).unwrap_or_default();
        Self::ALL.into_iter().find(|place| place.path() == format!("/{first}")).unwrap_or(Self::Elsewhere)
    }

    fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Tasks => say(lang, t::MY_TASKS),
            Self::Cases => say(lang, t::NEW_CASE),
            Self::Runs => say(lang, t::CASES),
            Self::Workflows => say(lang, t::WORKFLOWS),
            Self::Registers => say(lang, t::PLACE_OF_REGISTERS),
            Self::System => say(lang, t::SYSTEM),
            Self::Elsewhere => "",
        }
    }

    fn is_for(self, caller: &Caller) -> bool {
        match self {
            Self::Tasks | Self::Cases | Self::Elsewhere => true,
            Self::Runs => caller.person().is_some() || caller.rights.may_somewhere(Role::Viewer),
            Self::Workflows | Self::Registers => caller.rights.may_somewhere(Role::Viewer),
            Self::System => caller.rights.may_everywhere(Role::Operator),
        }
    }
}

/// Who reads a page, and when.
pub(crate) struct Reader<'r> {
    pub lang: Lang,
    pub caller: &'r Caller,
    pub world: &'r World,
    pub now: Timestamp,
    /// Bytes that a form may have.
    most: usize,
}

impl<'r> Reader<'r> {
    pub(crate) fn new(desk: &Desk, lang: Lang, caller: &'r Caller, world: &'r World) -> Self {
        let now = desk.shared().now().timestamp().unwrap_or(Timestamp::UNIX_EPOCH);
        Self { lang, caller, world, now, most: given::most(desk) }
    }

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

    pub(crate) fn is_past(&self, at: &str) -> bool {
        at.parse::<Timestamp>().is_ok_and(|at| at <= self.now)
    }

    /// A time with its day of the week, for what lies ahead.
    pub(crate) fn day(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.zone());
        format!("{} {}", at.strftime("%Y-%m-%d %H:%M"), weekday(at.weekday(), self.lang))
    }

    /// The whole of a time, for lists in which each second counts.
    pub(crate) fn clock(&self, at: &str) -> String {
        let Ok(at) = at.parse::<Timestamp>() else { return at.to_owned() };
        at.to_zoned(self.zone()).strftime("%m-%d %H:%M:%S").to_string()
    }

    /// Days, hours and minutes, the two largest.
    pub(crate) fn length(&self, ms: i64) -> String {
        let minutes = ms / 60_000;
        let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
        let parts = [(days, t::DAYS), (hours, t::HOURS), (rest, t::MINUTES)];
        let first = parts.iter().position(|(number, _)| *number > 0).unwrap_or(2);
        let told = parts[first..].iter().take(2).filter(|(number, _)| *number > 0);
        let told: Vec<String> =
            told.map(|(number, unit)| say_with(self.lang, *unit, &[&number.to_string()])).collect();
        if told.is_empty() { say_with(self.lang, t::MINUTES, &["0"]) } else { told.join(" ") }
    }

    /// A person by name, a word without its kind, an address as it is.
    pub(crate) fn who(&self, who: &str) -> String {
        called(self.lang, &self.world.people, who)
    }
}

fn days_between(from: &Zoned, to: &Zoned) -> Option<i32> {
    (to.date() - from.date()).get_days().into()
}

/// A whole page.
pub(crate) fn page(reader: &Reader<'_>, at: Place, title: &str, content: &Markup) -> String {
    following(reader, at, (title, None), content)
}

/// What `send.js` says of a form on its way, which may have so many bytes.
pub(super) fn sending(lang: Lang, most: usize) -> Markup {
    html! {
        template #sending data-most=(most) data-large=(say(lang, t::TOO_LARGE_TO_SEND)) {
            div.sending {
                div.way hidden {
                    progress aria-label=(say(lang, t::SENDING)) {}
                    p role="status" data-said=(say(lang, t::SENT_SO_FAR)) { (say(lang, t::SENDING)) }
                }
                div.notice.bad role="alert" tabindex="-1" hidden {
                    p { (say(lang, t::DID_NOT_ARRIVE)) }
                    p {}
                    button.plain type="button" { (say(lang, t::SEND_AGAIN)) }
                }
            }
        }
    }
}

/// A page whose parts with `data-live` and an id stay as things stand, for as long as somebody looks: it hears of changes at
/// an address of the stream.
pub(crate) fn following(
    reader: &Reader<'_>,
    at: Place,
    (title, watch): (&str, Option<&str>),
    content: &Markup,
) -> String {
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
                link rel="stylesheet" href={ "/assets/" (assets::named("page.css")) };
                @if watch.is_some() {
                    @for script in ["idiomorph.js", "live.js"] { script src={ "/assets/" (assets::named(script)) } defer {} }
                }
                @for script in ["send.js", "files.js"] { script src={ "/assets/" (assets::named(script)) } defer {} }
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
                main #content data-watch=[watch] {
                    @if watch.is_some() { div #signed-out .notice.bad role="alert" hidden { p { (say(lang, t::SIGNED_OUT_MEANWHILE)) " " a href="/sign-in" target="_blank" { (say(lang, t::SIGN_IN)) } } } }
                    @if watch.is_some() { div #away .notice.bad role="status" hidden { p { (say(lang, t::LINE_IS_AWAY)) } } }
                    @if watch.is_some() { div #gone .notice.bad role="alert" hidden {} }
                    (content)
                }
                (sending(lang, reader.most))
            }
        }
    };
    page.into_string()
}

pub(crate) fn weekday(day: Weekday, lang: Lang) -> &'static str {
    let day = match day {
        Weekday::Monday => t::MONDAY,
        Weekday::Tuesday => t::TUESDAY,
        Weekday::Wednesday => t::WEDNESDAY,
        Weekday::Thursday => t::THURSDAY,
        Weekday::Friday => t::FRIDAY,
        Weekday::Saturday => t::SATURDAY,
        Weekday::Sunday => t::SUNDAY,
    };
    say(lang, day)
}
