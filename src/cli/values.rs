//! The values of options: texts with a form, and bounds that hold whatever else is typed.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use crate::model::job::Target;
use crate::model::size::ByteSize;
use crate::policy::pace::MinSpeed;
use crate::policy::target;

/// The least part in bytes that may be asked for.
const MIN_PART: u64 = 64 * 1024;

/// The least that may be held for standard output, in bytes: a worker's buffer.
const MIN_STDOUT_BUFFER: u64 = 256 * 1024;

/// Reads a whole number within bounds.
pub(super) fn whole<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Copy,
{
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("not a whole number from {least} to {most}"))
    }
}

/// Reads how many of something there may be, and no fewer than one.
pub(super) fn positive(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| "not a whole number above zero".to_owned())
}

/// Reads the URL of a folder.
pub(super) fn base_url(text: &str) -> Result<Target, String> {
    target::base(text).map_err(|cause| cause.to_string())
}

/// Reads a time in seconds, above zero and at most a year.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    const YEAR: f64 = 365.0 * 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if (0.001..=YEAR).contains(&seconds) => Ok(seconds),
        _ => Err("not a number of seconds from 0.001 to a year".to_owned()),
    }
}

/// Reads a rate in bytes a second, above zero.
pub(super) fn rate(text: &str) -> Result<ByteSize, String> {
    match text.parse::<ByteSize>() {
        Ok(ByteSize(0)) => Err("a rate of zero would never end".to_owned()),
        Ok(rate) => Ok(rate),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads the least size of a part.
pub(super) fn min_split(text: &str) -> Result<ByteSize, String> {
    at_least(MIN_PART, text, "is never worth a connection")
}

/// Reads how much may wait for its turn.
pub(super) fn stdout_buffer(text: &str) -> Result<ByteSize, String> {
    at_least(MIN_STDOUT_BUFFER, text, "holds nothing of use")
}

/// Reads a size; less than `least` is refused for that reason.
fn at_least(least: u64, text: &str, why_not: &str) -> Result<ByteSize, String> {
    match text.parse::<ByteSize>() {
        Ok(size) if size.0 < least => Err(format!("less than {} {why_not}", ByteSize(least))),
        Ok(size) => Ok(size),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads `RATE:SECONDS`.
pub(super) fn min_speed(text: &str) -> Result<MinSpeed, String> {
    let wrong = || "not a rate and a time such as 50K:10".to_owned();
    let (rate, over) = text.split_once(':').ok_or_else(wrong)?;
    let rate: ByteSize = rate.parse().map_err(|_| wrong())?;
    let over = Duration::from_secs_f64(seconds(over).map_err(|_| wrong())?);
    Ok(MinSpeed { rate: rate.0 as f64, over })
}
