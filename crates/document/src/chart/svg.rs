//! The drawing itself.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::{
    BarChart, Chart, Gauge, GaugeWords, LineChart, Series, StackedChart, Theme, TimelineChart,
    minutes_between,
};
use crate::clean::line;
use crate::table::grouped;

const WIDTH: f64 = 640.0;
const TEXT: f64 = 11.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 628.0;

/// Colours told apart by people with any common colour vision (Okabe–Ito, darkened for contrast).
const COLOURS: [&str; 4] = ["#005a94", "#b34700", "#00664d", "#8a3d6b"];
const DASHES: [&str; 4] = ["", "7 3", "2 3", "9 3 2 3"];

struct Canvas {
    body: String,
    theme: Theme,
    /// Prefix of ids: two drawings on one page must not share patterns.
    id: String,
    height: f64,
}

/// A gauge with the words of a page.
pub(super) fn draw_gauge(drawn: &Gauge, theme: Theme, words: &GaugeWords) -> String {
    let title = line(&drawn.title);
    let mut canvas = Canvas::new(theme, &title, &words.sentence);
    gauge(&mut canvas, drawn, words);
    canvas.finish(&title, &line(&words.sentence))
}

pub(super) fn draw(chart: &Chart, theme: Theme) -> String {
    draw_saying(chart, theme, &chart.sentence())
}

pub(super) fn draw_saying(chart: &Chart, theme: Theme, sentence: &str) -> String {
    let title = line(chart.title());
    let mut canvas = Canvas::new(theme, &title, sentence);
    match chart {
        Chart::Bar(c) => bars(&mut canvas, c),
        Chart::Line(c) => lines(&mut canvas, c),
        Chart::Stacked(c) => stacked(&mut canvas, c),
        Chart::Gauge(c) => gauge(&mut canvas, c, &GaugeWords::of_paper(c)),
        Chart::Timeline(c) => timeline(&mut canvas, c),
    }
    canvas.finish(&title, &line(sentence))
}

impl Canvas {
    fn new(theme: Theme, title: &str, sentence: &str) -> Self {
        Self {
            body: String::new(),
            theme,
            id: format!("c{:08x}", fnv(title, sentence)),
            height: 0.0,
        }
    }

    fn ink(&self) -> &'static str {
        match self.theme {
            Theme::Print => "#1a1a1a",
            Theme::Console => "currentColor",
        }
    }

    fn faint(&self) -> &'static str {
        match self.theme {
            Theme::Print => "stroke=\"#b8b8b8\"",
            Theme::Console => "stroke=\"currentColor\" stroke-opacity=\"0.3\"",
        }
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let (ink, text) = (self.ink(), line(text));
        let _ = write!(
            self.body,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{ink}\">{}</text>",
            escape(text.as_str())
        );
    }

    fn rule(&mut self, from: (f64, f64), to: (f64, f64), paint: &str) {
        let _ = write!(
            self.body,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" {paint}/>",
            from.0, from.1, to.0, to.1
        );
    }

    fn axis(&mut self, from: (f64, f64), to: (f64, f64)) {
        let paint = format!("stroke=\"{}\" stroke-width=\"1\"", self.ink());
        self.rule(from, to, &paint);
    }

    /// A filled area of series `index`: the first solid, the others hatched or dotted.
    fn area(&mut self, index: usize, x: f64, y: f64, w: f64, h: f64) {
        let colour = COLOURS[index % COLOURS.len()];
        let fill = if index == 0 {
            colour.to_owned()
        } else {
            format!("url(#{}-{})", self.id, index % COLOURS.len())
        };
        // A pattern keeps its colour on the web: classes recolour outline and solid fill only.
        let class = match self.theme {
            Theme::Console if index == 0 => format!(" class=\"chart-{}\"", index + 1),
            Theme::Console => format!(" class=\"chart-outline-{}\"", index + 1),
            Theme::Print => String::new(),
        };
        let _ = write!(
            self.body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"0.8\"{class}/>",
            w.max(0.0),
            h.max(0.0)
        );
    }

    fn legend(&mut self, names: &[&str], y: f64, swatch: fn(&mut Canvas, usize, f64, f64)) {
        let mut x = LEFT;
        for (i, name) in names.iter().enumerate() {
            swatch(self, i, x, y);
            self.text(x + 28.0, y, "start", name);
            x += 28.0 + width(name) + 20.0;
        }
    }

    fn patterns(&self) -> String {
        let mut out = String::new();
        for (i, shape) in [
            (
                1,
                "<path d=\"M0 6L6 0M-1 1L1 -1M5 7L7 5\" stroke=\"COLOUR\" stroke-width=\"1.4\"/>",
            ),
            (2, "<circle cx=\"3\" cy=\"3\" r=\"1.3\" fill=\"COLOUR\"/>"),
            (
                3,
                "<path d=\"M0 3H6M3 0V6\" stroke=\"COLOUR\" stroke-width=\"1\"/>",
            ),
        ] {
            if !self.body.contains(&format!("url(#{}-{i})", self.id)) {
                continue;
            }
            let _ = write!(
                out,
                "<pattern id=\"{}-{i}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><rect width=\"6\" height=\"6\" fill=\"#ffffff\"/>{}</pattern>",
                self.id,
                shape.replace("COLOUR", COLOURS[i])
            );
        }
        if out.is_empty() {
            out
        } else {
            format!("<defs>{out}</defs>")
        }
    }

    fn finish(self, title: &str, sentence: &str) -> String {
        let family = match self.theme {
            Theme::Print => " font-family=\"BIZ UDGothic, Noto Sans CJK JP, DejaVu Sans\"",
            Theme::Console => "",
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {:.0}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" class=\"chart\" font-size=\"{TEXT}\"{family}><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>{}{}</svg>",
            self.height,
            escape(title),
            escape(sentence),
            self.patterns(),
            self.body,
            id = self.id,
        )
    }
}

/// FNV-1a: a short stable id, nothing more.
fn fnv(a: &str, b: &str) -> u32 {
    a.bytes()
        .chain([0])
        .chain(b.bytes())
        .fold(0x811c_9dc5, |h, byte| {
            (h ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
}

/// Width of a text: Japanese characters are square, ASCII is half as wide in this face.
fn width(text: &str) -> f64 {
    text.chars()
        .map(|c| if c.is_ascii() { TEXT / 2.0 } else { TEXT })
        .sum()
}

/// A round step so that about five lines cover the range.
fn step(max: f64) -> f64 {
    let rough = (max / 5.0).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|f| f * power >= rough * 0.999)
        .unwrap_or(10.0);
    factor * power
}

/// The step for what is counted: nobody counts halves.
fn whole_step(step: f64) -> f64 {
    match step {
        step if step < 1.0 => 1.0,
        step if step.fract() > 0.0 => 5.0,
        step => step,
    }
}

struct Plot {
    top: f64,
    bottom: f64,
    min: f64,
    max: f64,
}

impl Plot {
    fn y(&self, value: f64) -> f64 {
        let share = (value - self.min) / (self.max - self.min);
        self.bottom - share.clamp(0.0, 1.0) * (self.bottom - self.top)
    }
}

/// Whether values are counts.
fn counted(values: impl IntoIterator<Item = f64>) -> bool {
    values.into_iter().all(|value| value.fract() == 0.0)
}

/// Axis, grid, unit, limit line; returns the scale. `whole`: counts are drawn.
fn frame(
    canvas: &mut Canvas,
    (from, max): (f64, f64),
    unit: &str,
    limit: Option<&(String, f64)>,
    legend: bool,
    whole: bool,
) -> Plot {
    let (top, bottom) = (if legend { 48.0 } else { 28.0 }, 232.0);
    canvas.height = 262.0;
    let top_value = limit.map_or(max, |(_, l)| max.max(*l));
    let range = if top_value > from {
        top_value - from
    } else {
        1.0
    };
    let step = if whole {
        whole_step(step(range))
    } else {
        step(range)
    };
    let lines = (range / step - 1e-9).ceil().max(1.0) as u32;
    let plot = Plot {
        top,
        bottom,
        min: from,
        max: from + step * f64::from(lines),
    };
    let decimals = if step >= 1.0 && step.fract() == 0.0 && from.fract() == 0.0 {
        0
    } else {
        2
    };
    for i in 0..=lines {
        let value = from + step * f64::from(i);
        let y = plot.y(value);
        let faint = format!("{} stroke-width=\"0.6\"", canvas.faint());
        canvas.rule((LEFT, y), (RIGHT, y), &faint);
        canvas.text(LEFT - 6.0, y + 4.0, "end", &grouped(value, decimals));
    }
    if !unit.is_empty() {
        let unit = format!("（{unit}）");
        // A long one begins at the edge rather than outside of it.
        let (x, anchor) = if width(&unit) > LEFT - 6.0 {
            (0.0, "start")
        } else {
            (LEFT - 6.0, "end")
        };
        canvas.text(x, top - 12.0, anchor, &unit);
    }
    if from > 0.0 {
        canvas.text(
            RIGHT,
            top - 12.0,
            "end",
            &format!("縦軸は{}から", grouped(from, decimals)),
        );
    }
    canvas.axis((LEFT, top), (LEFT, bottom));
    canvas.axis((LEFT, bottom), (RIGHT, bottom));
    plot
}

/// The limit is drawn last, over the bars; its name stands in the top line, clear of them.
fn limit_line(canvas: &mut Canvas, plot: &Plot, limit: Option<&(String, f64)>, unit: &str) {
    if let Some((name, value)) = limit {
        let paint = format!(
            "stroke=\"{}\" stroke-width=\"1.4\" stroke-dasharray=\"6 4\"",
            canvas.ink()
        );
        let y = plot.y(*value);
        canvas.rule((LEFT, y), (RIGHT, y), &paint);
        let decimals = u8::from(value.fract() != 0.0);
        let label = format!("{} {}{unit}", line(name), grouped(*value, decimals));
        canvas.text(RIGHT, 14.0, "end", &label);
        let end = RIGHT - width(&label) - 6.0;
        canvas.rule((end - 24.0, 10.0), (end, 10.0), &paint);
    }
}

/// Labels below; every n-th where they would overlap.
fn labels(canvas: &mut Canvas, labels: &[&str], bottom: f64, x: impl Fn(usize) -> f64) {
    let widest = labels.iter().map(|l| width(&line(l))).fold(0.0, f64::max) + 6.0;
    let slot = (RIGHT - LEFT) / labels.len().max(1) as f64;
    let every = ((widest / slot).ceil() as usize).max(1);
    for (i, label) in labels.iter().enumerate().filter(|(i, _)| i % every == 0) {
        canvas.text(x(i), bottom + 16.0, "middle", label);
    }
}

fn bars(canvas: &mut Canvas, c: &BarChart) {
    let max = c.bars.iter().map(|b| b.value).fold(0.0, f64::max);
    let whole = c.decimals == 0 && counted(c.bars.iter().map(|bar| bar.value));
    let plot = frame(canvas, (0.0, max), &c.unit, c.limit.as_ref(), false, whole);
    let slot = (RIGHT - LEFT) / c.bars.len().max(1) as f64;
    let w = (slot * 0.62).min(56.0);
    for (i, bar) in c.bars.iter().enumerate() {
        let x = LEFT + slot * (i as f64 + 0.5);
        let y = plot.y(bar.value);
        canvas.area(0, x - w / 2.0, y, w, plot.bottom - y);
        let value = grouped(bar.value, c.decimals);
        if width(&value) <= slot {
            canvas.text(x, y - 4.0, "middle", &value);
        }
    }
    let names: Vec<&str> = c.bars.iter().map(|b| b.label.as_str()).collect();
    labels(canvas, &names, plot.bottom, |i| {
        LEFT + slot * (i as f64 + 0.5)
    });
    limit_line(canvas, &plot, c.limit.as_ref(), &c.unit);
}

fn stacked(canvas: &mut Canvas, c: &StackedChart) {
    let sum = |i: usize| -> f64 {
        c.series
            .iter()
            .filter_map(|s| s.values.get(i).copied().flatten())
            .sum()
    };
    let max = (0..c.labels.len()).map(sum).fold(0.0, f64::max);
    let whole = counted(c.series.iter().flat_map(|s| &s.values).flatten().copied());
    let plot = frame(canvas, (0.0, max), &c.unit, c.limit.as_ref(), true, whole);
    let slot = (RIGHT - LEFT) / c.labels.len().max(1) as f64;
    let w = (slot * 0.62).min(56.0);
    for i in 0..c.labels.len() {
        let x = LEFT + slot * (i as f64 + 0.5) - w / 2.0;
        let mut base = 0.0;
        for (k, series) in c.series.iter().enumerate() {
            let value = series.values.get(i).copied().flatten().unwrap_or(0.0);
            if value > 0.0 {
                let (y, below) = (plot.y(base + value), plot.y(base));
                canvas.area(k, x, y, w, below - y);
                base += value;
            }
        }
    }
    let names: Vec<&str> = c.labels.iter().map(String::as_str).collect();
    labels(canvas, &names, plot.bottom, |i| {
        LEFT + slot * (i as f64 + 0.5)
    });
    limit_line(canvas, &plot, c.limit.as_ref(), &c.unit);
    let names: Vec<&str> = c.series.iter().map(|s| s.name.as_str()).collect();
    canvas.legend(&names, 14.0, |canvas, i, x, y| {
        canvas.area(i, x, y - 9.0, 22.0, 10.0);
    });
}

fn lines(canvas: &mut Canvas, c: &LineChart) {
    let max = c
        .series
        .iter()
        .flat_map(|s| &s.values)
        .flatten()
        .copied()
        .fold(0.0, f64::max);
    let plot = frame(
        canvas,
        (c.from, max),
        &c.unit,
        c.limit.as_ref(),
        true,
        false,
    );
    let slot = (RIGHT - LEFT) / c.labels.len().max(1) as f64;
    let x = |i: usize| LEFT + slot * (i as f64 + 0.5);
    for (k, series) in c.series.iter().enumerate() {
        line_of(canvas, k, series, &plot, x);
    }
    let names: Vec<&str> = c.labels.iter().map(String::as_str).collect();
    labels(canvas, &names, plot.bottom, x);
    limit_line(canvas, &plot, c.limit.as_ref(), &c.unit);
    let names: Vec<&str> = c.series.iter().map(|s| s.name.as_str()).collect();
    canvas.legend(&names, 14.0, |canvas, i, x, y| {
        stroke(
            canvas,
            i,
            &format!("M{x:.1} {0:.1}H{1:.1}", y - 4.0, x + 22.0),
        );
        marker(canvas, i, x + 11.0, y - 4.0);
    });
}

fn line_of(canvas: &mut Canvas, k: usize, series: &Series, plot: &Plot, x: impl Fn(usize) -> f64) {
    let mut path = String::new();
    let mut pen = 'M';
    for (i, value) in series.values.iter().enumerate() {
        match value {
            Some(v) => {
                let _ = write!(path, "{pen}{:.1} {:.1}", x(i), plot.y(*v));
                pen = 'L';
            }
            None => pen = 'M',
        }
    }
    stroke(canvas, k, &path);
    for (i, value) in series.values.iter().enumerate() {
        if let Some(v) = value {
            marker(canvas, k, x(i), plot.y(*v));
        }
    }
}

fn class(canvas: &Canvas, name: &str, k: usize) -> String {
    match canvas.theme {
        Theme::Console => format!(" class=\"{name}-{}\"", k + 1),
        Theme::Print => String::new(),
    }
}

fn stroke(canvas: &mut Canvas, k: usize, path: &str) {
    if path.is_empty() {
        return;
    }
    let (colour, dash) = (COLOURS[k % 4], DASHES[k % 4]);
    let dash = if dash.is_empty() {
        String::new()
    } else {
        format!(" stroke-dasharray=\"{dash}\"")
    };
    let class = class(canvas, "chart-line", k);
    let _ = write!(
        canvas.body,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"{dash}{class}/>"
    );
}

/// Disc, square, triangle, diamond.
fn marker(canvas: &mut Canvas, k: usize, x: f64, y: f64) {
    let colour = COLOURS[k % 4];
    let class = class(canvas, "chart", k);
    let shape = match k % 4 {
        0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.8\""),
        1 => format!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"5.4\" height=\"5.4\"",
            x - 2.7,
            y - 2.7
        ),
        2 => format!("<path d=\"M{x:.1} {:.1}l3.4 6h-6.8z\"", y - 3.4),
        _ => format!(
            "<path d=\"M{x:.1} {:.1}l3.6 3.6l-3.6 3.6l-3.6 -3.6z\"",
            y - 3.6
        ),
    };
    let _ = write!(canvas.body, "{shape} fill=\"{colour}\"{class}/>");
}

fn gauge(canvas: &mut Canvas, gauge: &Gauge, words: &GaugeWords) {
    canvas.height = 74.0;
    let max = gauge.limit.max(gauge.value + gauge.undecided);
    let (x0, x1, y, h) = (14.0, 626.0, 28.0, 20.0);
    let x = |v: f64| x0 + v / max * (x1 - x0);
    let faint = canvas.faint();
    let _ = write!(
        canvas.body,
        "<rect x=\"{x0}\" y=\"{y}\" width=\"{:.1}\" height=\"{h}\" fill=\"none\" {faint}/>",
        x1 - x0
    );
    if gauge.value > 0.0 {
        canvas.area(0, x0, y, x(gauge.value) - x0, h);
    }
    if gauge.undecided > 0.0 {
        canvas.area(
            1,
            x(gauge.value),
            y,
            x(gauge.value + gauge.undecided) - x(gauge.value),
            h,
        );
    }
    let paint = format!("stroke=\"{}\" stroke-width=\"2\"", canvas.ink());
    canvas.rule(
        (x(gauge.limit), y - 6.0),
        (x(gauge.limit), y + h + 6.0),
        &paint,
    );
    canvas.text(x(gauge.limit).min(x1), y - 10.0, "end", &words.limit);
    canvas.text(x0, y + h + 18.0, "start", &words.used);
}

fn timeline(canvas: &mut Canvas, c: &TimelineChart) {
    let events = c.sorted();
    let (x0, x1) = (24.0, 616.0);
    let Some((first, last)) = events.first().zip(events.last()) else {
        canvas.height = 30.0;
        canvas.text(x0, 20.0, "start", "記録はない");
        return;
    };
    let span = f64::from(minutes_between(first.at, last.at)).max(1.0);
    let same_day = first.at.date() == last.at.date();
    // Greedy rows: a label goes to the lowest row where it does not touch its left neighbour.
    let mut ends: Vec<f64> = Vec::new();
    let mut placed = Vec::new();
    for event in &events {
        let x = x0 + f64::from(minutes_between(first.at, event.at)) / span * (x1 - x0);
        let time = format!("{:02}:{:02}", event.at.hour(), event.at.minute());
        let day = if same_day {
            String::new()
        } else {
            format!("{}/{} ", event.at.month(), event.at.day())
        };
        let text = line(&format!("{day}{time} {}", event.label));
        let w = width(&text);
        let start = (x - w / 2.0).clamp(4.0, (WIDTH - 4.0 - w).max(4.0));
        let row = ends
            .iter()
            .position(|end| start > end + 8.0)
            .unwrap_or(ends.len());
        if row == ends.len() {
            ends.push(0.0);
        }
        ends[row] = start + w;
        placed.push((x, start, row, text));
    }
    let axis = 16.0 + ends.len() as f64 * 19.0;
    canvas.height = axis + 18.0;
    for (x, start, row, text) in placed {
        let y = axis - 12.0 - row as f64 * 19.0;
        let faint = format!("{} stroke-width=\"0.8\"", canvas.faint());
        canvas.rule((x, y + 3.0), (x, axis), &faint);
        canvas.text(start, y, "start", &text);
        marker(canvas, 0, x, axis);
    }
    canvas.axis((x0, axis), (x1, axis));
}
