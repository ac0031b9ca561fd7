//! How far long work has got, for whoever watches: a bar on stderr where that is a terminal, nothing
//! otherwise.

use std::io::{self, Read};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The display of one piece of work. It goes when this is dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Work whose amount is known, in things of a kind.
    pub fn of(what: &'static str, total: u64) -> Progress {
        Progress::with(
            Some(total),
            "{msg} {wide_bar} {pos}/{len}, {eta} left",
            what,
        )
    }

    /// Work of which only shows how much was done.
    pub fn counting(what: &'static str) -> Progress {
        Progress::with(None, "{spinner} {msg} {pos}", what)
    }

    /// Bytes to work through.
    pub fn bytes(what: &'static str, total: u64) -> Progress {
        let template = "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes}, {eta} left";
        Progress::with(Some(total), template, what)
    }

    fn with(total: Option<u64>, template: &str, what: &'static str) -> Progress {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        // The templates above are good; a bar would be no reason to fail.
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_message(what);
        Progress(bar)
    }

    /// Says what is being worked on now.
    pub fn at(&self, what: impl Into<std::borrow::Cow<'static, str>>) {
        self.0.set_message(what);
    }

    /// Some more was done.
    pub fn add(&self, number: u64) {
        self.0.inc(number);
    }

    /// Counts what is read.
    pub fn reading<R: Read>(&self, inner: R) -> impl Read {
        Counted {
            inner,
            bar: self.0.clone(),
        }
    }

    /// Prints a line on stderr, above the bar where there is one.
    pub fn say(&self, line: &str) {
        self.0.suspend(|| eprintln!("{line}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

struct Counted<R> {
    inner: R,
    bar: ProgressBar,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}
