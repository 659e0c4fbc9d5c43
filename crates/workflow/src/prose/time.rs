//! Says instants and lengths of time.

use super::Teller;
use crate::moment::{Anchor, Length, Measure, Moment, MomentText, Span, Unit};
use crate::problem::Lang;
use crate::schedule::{Days, Nth, Pattern, Period, Which};

impl Teller<'_> {
    /// Whole days of clock time stay hours: days mean the end of a day.
    pub(super) fn span(&self, span: Span) -> String {
        const HOUR: i64 = 3_600_000;
        let text = match span.ms {
            ms if ms > 0 && ms % (24 * HOUR) == 0 => format!("{}h", ms / HOUR),
            _ => span.to_string(),
        };
        if self.language == Lang::En {
            return text;
        }
        let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim() {
            "h" => "小时",
            "min" => "分钟",
            "s" => "秒",
            "days" => "天",
            _ => "毫秒",
        };
        format!("{number} {unit}")
    }

    /// A phrase that fits behind „by“: `4 小时内`.
    pub(super) fn until(&self, moment: &Moment) -> String {
        match moment {
            Moment::Length(length) => self.within(*length),
            Moment::Within { length, of, before } => {
                let of: Vec<String> = of.iter().map(|anchor| self.anchor(anchor)).collect();
                let of = of.join(&self.pick("、", ", "));
                let length = self.measure(length);
                match before {
                    true => self.pick(format!("{of}之前 {length}"), format!("{length} before {of}")),
                    false => self.pick(format!("{of}之后 {length}内"), format!("within {length} of {of}")),
                }
            }
            Moment::Earliest(all) => {
                let all: Vec<String> = all.iter().map(|one| self.until(one)).collect();
                let all = all.join(&self.pick("、", ", "));
                self.pick(format!("{all}(以最早的为准)"), format!("{all}, whichever is first"))
            }
            Moment::Next(pattern) => {
                let slot = self.pattern(pattern);
                self.pick(format!("下一个{}前", bare(&slot)), format!("by the next slot of {slot}"))
            }
            Moment::AfterToday(pattern) => {
                let slot = self.pattern(pattern);
                self.pick(
                    format!("今天之后的下一个{}前", bare(&slot)),
                    format!("by the next {slot} after today"),
                )
            }
            Moment::Worked(template) => {
                let name = template.expression().map(|name| name.source()).unwrap_or_default();
                if let Some(Ok(fixed)) = self.fixed(name).map(Moment::parse_text) {
                    return self.until(&fixed.into());
                }
                let worked = self.text(template);
                self.pick(format!("按{worked}"), format!("by {worked}"))
            }
            Moment::Date(date) => self.pick(format!("{date} 当天结束前"), format!("by the end of {date}")),
            Moment::Local(at) => self.pick(format!("{at} 前"), format!("by {at}")),
            Moment::Instant(at) => {
                let at = at.timestamp().map(|at| at.to_string()).unwrap_or_default();
                self.pick(format!("{at} 前"), format!("by {at}"))
            }
        }
    }

    /// From when the step opened.
    fn within(&self, length: Length) -> String {
        match length {
            Length::Clock(span) => {
                let span = self.span(span);
                self.pick(format!("开始后 {span}内"), format!("within {span}"))
            }
            Length::Days { n: 0, .. } => self.pick("当天之内", "before the day is over"),
            Length::Days { .. } => {
                let length = self.length(length);
                self.pick(
                    format!("开始后 {length}内(到那天结束)"),
                    format!("within {length}, to the end of that day"),
                )
            }
            Length::Workdays(_) => {
                let length = self.length(length);
                self.pick(
                    format!("开始后 {length}内(到那天下班)"),
                    format!("within {length}, to the end of that day's working hours"),
                )
            }
            Length::Open(_) => {
                let length = self.length(length);
                self.pick(format!("开始后 {length}内"), format!("within {length}"))
            }
        }
    }

    fn measure(&self, measure: &Measure) -> String {
        match measure {
            Measure::Given(length) => self.length(*length),
            Measure::Worked(template) => {
                let name = template.expression().map(|name| name.source()).unwrap_or_default();
                match self.fixed(name).map(Moment::parse_text) {
                    Some(Ok(MomentText::Length(length))) => self.length(length),
                    Some(_) | None => self.text(template),
                }
            }
        }
    }

    pub(super) fn length(&self, length: Length) -> String {
        match length {
            Length::Clock(span) => self.span(span),
            Length::Days { n, unit } => {
                let (zh, en) = unit_words(unit);
                self.pick(format!("{n} {zh}"), format!("{n} {en}"))
            }
            Length::Workdays(n) => self.pick(format!("{n} 个工作日"), length.to_string()),
            Length::Open(span) => {
                self.pick(format!("{} 个工作小时", span.ms / 3_600_000), length.to_string())
            }
        }
    }

    fn anchor(&self, anchor: &Anchor) -> String {
        match anchor {
            Anchor::Step(no) => {
                let step = self.step_name(*no);
                self.pick(format!("{step}办完"), format!("the end of {step}"))
            }
            Anchor::Value(template) => self.text(template),
        }
    }

    pub(super) fn pattern(&self, pattern: &Pattern) -> String {
        if self.language == Lang::En {
            return match pattern {
                Pattern::Cron(line) => format!("the cron line `{}`", line.as_str()),
                Pattern::Every(_) | Pattern::On { .. } => pattern.to_string(),
            };
        }
        match pattern {
            Pattern::Every(span) => format!("每 {}", self.span(*span)),
            Pattern::Cron(line) => cron_in_chinese(line.as_str()),
            Pattern::On { days, time } => {
                let time =
                    time.map(|time| format!(" {:02}:{:02}", time.hour(), time.minute())).unwrap_or_default();
                format!("{}{time}", days_in_chinese(days))
            }
        }
    }
}

/// `工作日 16:30` of `每个工作日 16:30`.
fn bare(slot: &str) -> &str {
    slot.strip_prefix("每个").or_else(|| slot.strip_prefix('每')).unwrap_or(slot)
}

fn unit_words(unit: Unit) -> (&'static str, &'static str) {
    match unit {
        Unit::Days => ("天", "days"),
        Unit::Weeks => ("周", "weeks"),
        Unit::Months => ("个月", "months"),
        Unit::Years => ("年", "years"),
    }
}

const WEEK: [&str; 7] = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"];

fn weekday(day: jiff::civil::Weekday) -> &'static str {
    WEEK[usize::from(day.to_monday_zero_offset().unsigned_abs()) % 7]
}

fn days_in_chinese(days: &Days) -> String {
    match days {
        Days::Every => "每天".to_owned(),
        Days::EveryNth { n, unit } => format!("每 {n} {}", unit_words(*unit).0),
        Days::Weekday(day) => format!("每{}", weekday(*day)),
        Days::Workday => "每个工作日".to_owned(),
        Days::OfMonth(day) => format!("每月 {day} 日"),
        Days::Nth { nth, day, of } => {
            let of = match of {
                Period::Month => "每月",
                Period::Year => "每年",
            };
            let day = match day {
                Which::Any => "一天",
                Which::On(day) => weekday(*day),
                Which::Workday => "工作日",
            };
            match nth {
                Nth::Last => format!("{of}最后{}{day}", if day == "一天" { "" } else { "一个" }),
                Nth::From(1) if day == "一天" => format!("{of}第一天"),
                Nth::From(n) => format!("{of}第 {n} 个{day}"),
            }
        }
    }
}

/// The simple ones in words: a minute, an hour and at most a day, a month, a weekday.
fn cron_in_chinese(line: &str) -> String {
    let fields: Vec<&str> = line.split(' ').collect();
    let [minute, hour, day, month, weekdays] = fields.as_slice() else { return format!("cron {line}") };
    let number = |text: &str| text.parse::<u8>().ok();
    let (Some(minute), Some(hour)) = (number(minute), number(hour)) else { return format!("cron {line}") };
    let time = format!("{hour:02}:{minute:02}");
    match (*day, *month, *weekdays) {
        ("*", "*", "*") => format!("每天 {time}"),
        ("*", "*", "1-5") => format!("周一到周五 {time}"),
        (day, "*", "*") if number(day).is_some() => format!("每月 {day} 日 {time}"),
        (day, month, "*") if number(day).is_some() && number(month).is_some() => {
            format!("每年 {month} 月 {day} 日 {time}")
        }
        ("*", "*", one) => match number(one).map(usize::from) {
            Some(one @ 1..=7) => format!("每{} {time}", WEEK[one - 1]),
            _ => format!("cron {line}"),
        },
        _ => format!("cron {line}"),
    }
}
