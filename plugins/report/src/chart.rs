//! `report.chart`: bars or lines, as a picture that stays sharp.

use plotters::backend::SVGBackend;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use yizhan_plugin_api::prelude::*;

use crate::cell::{Cell, Digits, Format};
use crate::records::{Record, Rows};

/// Whoever reads the picture has one of these.
const FONT: &str = "Microsoft YaHei, PingFang SC, Noto Sans CJK SC, sans-serif";
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x2F, 0x6F, 0xB5),
    RGBColor(0xD9, 0x7A, 0x2B),
    RGBColor(0x4B, 0x9B, 0x5E),
    RGBColor(0xB5, 0x3F, 0x4A),
    RGBColor(0x7A, 0x5B, 0xA8),
    RGBColor(0x70, 0x78, 0x80),
];
const MOST_POINTS: usize = 1_000;
/// More labels than these stand in each other's way; then some are left out.
const MOST_LABELS: usize = 16;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chart {
    /// The file's name; left out, `report.svg`
    #[serde(default)]
    #[schemars(extend("format" = "file-name"))]
    pub(crate) name: Option<String>,
    /// Tables of names and values
    #[schemars(with = "Vec<serde_json::Value>")]
    rows: Rows,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    title: Option<String>,
    /// The name of the value that stands below
    label: String,
    /// What is drawn
    values: Vec<Series>,
    /// In pixels
    #[serde(default = "width")]
    width: u32,
    #[serde(default = "height")]
    height: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Bar,
    Line,
}

/// One row of bars, or one line
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Series {
    /// The name of the value
    field: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    format: Format,
}

fn width() -> u32 {
    800
}

fn height() -> u32 {
    400
}

/// What is drawn, read.
struct Drawn<'a> {
    chart: &'a Chart,
    labels: Vec<String>,
    /// Of each series a point per row; none where the row has no value.
    points: Vec<Vec<Option<f64>>>,
}

type Area<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawing = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;

pub(crate) fn chart(input: &Chart) -> Result<(String, usize)> {
    let drawn = Drawn::read(input)?;
    let mut svg = String::new();
    drawn.draw(&mut svg).map_err(|error| Error::refused("report.no_chart", error.to_string()))?;
    Ok((svg, drawn.labels.len()))
}

impl<'a> Drawn<'a> {
    fn read(chart: &'a Chart) -> Result<Self> {
        let records = chart.rows.read("/rows")?;
        let bad = |words: String, pointer: &str| Error::refused("report.bad_chart", words).at(pointer);
        if chart.values.is_empty() || chart.values.len() > COLOURS.len() {
            return Err(bad(format!("`values` names 1 to {} values", COLOURS.len()), "/values"));
        }
        if records.len() > MOST_POINTS {
            let words = format!("{} rows are too many: at most {MOST_POINTS} are drawn", records.len());
            return Err(bad(words, "/rows"));
        }
        if !(200..=4_000).contains(&chart.width) || !(150..=4_000).contains(&chart.height) {
            return Err(bad("a picture is 200 to 4000 wide and 150 to 4000 high".to_owned(), "/width"));
        }
        let label = |row: &Record| told(row.get(&chart.label).unwrap_or("null"));
        let labels = records.iter().map(label).collect::<std::result::Result<Vec<_>, _>>();
        let labels = labels.map_err(|why| bad(why, "/label"))?;
        let points = chart.values.iter().map(|series| points(series, &records)).collect::<Result<_>>()?;
        Ok(Self { chart, labels, points })
    }

    fn bounds(&self) -> (f64, f64) {
        let all = || self.points.iter().flatten().flatten().copied();
        let (low, high) = (all().fold(0.0, f64::min), all().fold(0.0, f64::max));
        let high = if high <= low { low + 1.0 } else { high };
        (if low < 0.0 { low * 1.1 } else { 0.0 }, high + (high - low) * 0.1)
    }

    fn draw(&self, svg: &mut String) -> Drawing {
        let Chart { width, height, .. } = *self.chart;
        let root = SVGBackend::with_string(svg, (width, height)).into_drawing_area();
        root.fill(&WHITE)?;
        let (low, high) = self.bounds();
        let many = self.labels.len().max(1) as f64;
        let mut builder = ChartBuilder::on(&root);
        builder.margin(12).x_label_area_size(36).y_label_area_size(64);
        if let Some(title) = &self.chart.title {
            builder.caption(title, (FONT, 20));
        }
        if self.points.len() > 1 {
            builder.margin_bottom(36);
        }
        let mut area = builder.build_cartesian_2d(-0.5..many - 0.5, low..high)?;
        let format = self.chart.values.first().map_or(Format::Auto, |series| series.format);
        area.configure_mesh()
            .disable_x_mesh()
            .x_labels(0)
            .y_labels(6)
            .y_label_style((FONT, 13))
            .y_label_formatter(&|value| tick(*value, format))
            .bold_line_style(RGBColor(0xDD, 0xE2, 0xE8))
            .light_line_style(TRANSPARENT)
            .draw()?;
        match self.chart.kind {
            Kind::Bar => self.bars(&mut area)?,
            Kind::Line => self.lines(&mut area)?,
        }
        self.names(&mut area, low)?;
        drop(area);
        self.legend(&root)?;
        root.present()?;
        drop(root);
        Ok(())
    }

    fn bars(&self, area: &mut Area<'_, '_>) -> Drawing {
        let wide = 0.8 / self.points.len() as f64;
        for ((at, points), colour) in self.points.iter().enumerate().zip(COLOURS) {
            let left = -0.4 + wide * at as f64;
            let bar = |(x, value): (usize, &Option<f64>)| {
                let from = x as f64 + left;
                value.map(|value| Rectangle::new([(from, 0.0), (from + wide * 0.92, value)], colour.filled()))
            };
            area.draw_series(points.iter().enumerate().filter_map(bar))?;
        }
        Ok(())
    }

    fn lines(&self, area: &mut Area<'_, '_>) -> Drawing {
        for (points, colour) in self.points.iter().zip(COLOURS) {
            let there = || points.iter().enumerate().filter_map(|(x, value)| Some((x as f64, (*value)?)));
            area.draw_series(std::iter::once(PathElement::new(
                there().collect::<Vec<_>>(),
                colour.stroke_width(2),
            )))?;
            area.draw_series(there().map(|point| Circle::new(point, 3, colour.filled())))?;
        }
        Ok(())
    }

    /// Below the axis, as many as have room.
    fn names(&self, area: &mut Area<'_, '_>, low: f64) -> Drawing {
        let style = TextStyle::from((FONT, 13).into_font()).pos(Pos::new(HPos::Center, VPos::Top));
        let each = self.labels.len().div_ceil(MOST_LABELS).max(1);
        let named = self.labels.iter().enumerate().step_by(each);
        area.draw_series(named.map(|(x, label)| {
            EmptyElement::at((x as f64, low)) + Text::new(label.clone(), (0, 8), style.clone())
        }))?;
        Ok(())
    }

    /// Which colour is what, below; of one series the title says it.
    fn legend(&self, root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Drawing {
        if self.points.len() < 2 {
            return Ok(());
        }
        let bottom = i32::try_from(self.chart.height).unwrap_or(i32::MAX) - 18;
        let style = TextStyle::from((FONT, 13).into_font()).pos(Pos::new(HPos::Left, VPos::Center));
        let mut left = 76;
        for (series, colour) in self.chart.values.iter().zip(COLOURS) {
            let name = series.title.as_deref().unwrap_or(&series.field);
            root.draw(&Rectangle::new([(left, bottom - 6), (left + 12, bottom + 6)], colour.filled()))?;
            root.draw(&Text::new(name.to_owned(), (left + 18, bottom), style.clone()))?;
            let wide = unicode_width::UnicodeWidthStr::width_cjk(name);
            left += 36 + 7 * i32::try_from(wide).unwrap_or_default();
        }
        Ok(())
    }
}

fn told(json: &str) -> std::result::Result<String, String> {
    let cell = Cell::of(json, Format::Auto, &jiff::tz::TimeZone::UTC)?;
    Ok(cell.shown(Digits::of(Format::Auto, None), false))
}

fn points(series: &Series, records: &[Record]) -> Result<Vec<Option<f64>>> {
    let point = |(at, row): (usize, &Record)| {
        let json = row.get(&series.field).unwrap_or("null");
        let cell = Cell::of(json, Format::Number, &jiff::tz::TimeZone::UTC).map_err(|why| {
            let words = format!("row {}, {}: {why}", at + 1, series.field);
            Error::refused("report.bad_value", words).at(format!("/rows/{at}"))
        })?;
        Ok(if let Cell::Number(number) = cell { number.to_f64() } else { None })
    };
    records.iter().enumerate().map(point).collect()
}

/// A number at the axis.
fn tick(value: f64, format: Format) -> String {
    let number = Decimal::from_f64_retain(value).unwrap_or_default().round_dp(4).normalize();
    let places = if format == Format::Percent { Some(0) } else { None };
    Digits { format, places }.text(number, true)
}
