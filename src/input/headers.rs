//! The header fields of one file, as an object of a list has them: names, each with a value, several, or
//! `null` for one of haul's own that is left out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::input::entry::bad_line;
use crate::model::error::Cause;
use crate::model::field::Fields;
use crate::policy::fields;

#[derive(Deserialize)]
#[serde(untagged)]
enum Values<'a> {
    #[serde(borrow)]
    One(Cow<'a, str>),
    Several(Vec<String>),
}

/// Reads an object of fields. What is wrong is told without their values.
///
/// # Errors
/// [`Cause::BadLine`].
pub(super) fn read(object: &RawValue) -> Result<Option<Box<Fields>>, Cause> {
    // What serde says of another type has the value in it.
    let wrong =
        || bad_line("`headers` is not an object of names with a text, several, or null each");
    let object: BTreeMap<Cow<'_, str>, Option<Values<'_>>> =
        serde_json::from_str(object.get()).map_err(|_| wrong())?;
    let mut all = Fields::new();
    for (name, values) in &object {
        let values: Vec<Option<&str>> = match values {
            None => vec![None],
            Some(Values::One(value)) => vec![Some(value)],
            Some(Values::Several(values)) => values.iter().map(|value| Some(&**value)).collect(),
        };
        for value in values {
            let value = value.map(|value| value.trim().as_bytes());
            fields::new(name.as_bytes(), value)
                .and_then(|field| fields::add(&mut all, field))
                .map_err(|why| bad_line(&format!("`headers`: {why}")))?;
        }
    }
    Ok((!all.is_empty()).then(|| Box::new(all)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(object: &str) -> Result<String, String> {
        let raw: &RawValue = serde_json::from_str(object).unwrap();
        let fields = read(raw).map_err(|cause| cause.to_string())?;
        let line = |field: &crate::model::field::Field| {
            let value = field.value.as_deref().map(String::from_utf8_lossy);
            format!("{}={}", field.name, value.unwrap_or("-".into()))
        };
        Ok(fields.unwrap_or_default().iter().map(line).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn objects_become_fields() {
        assert_eq!(told("{}").unwrap(), "");
        let object = r#"{"X-Key": "a\u00fc ", "Y": ["1", "2"], "Accept": null, "Z": "", "W": []}"#;
        assert_eq!(told(object).unwrap(), "Accept=- X-Key=aü Y=1 Y=2 Z=");
    }

    #[test]
    fn what_is_no_field_is_told_without_its_value() {
        #[track_caller]
        fn case(object: &str, why: &str) {
            let error = told(object).unwrap_err();
            assert!(error.contains(why) && !error.contains("s3cret"), "{error}");
        }
        for object in [r#""s3cret""#, r#"["s3cret"]"#, r#"{"X": {"s3cret": 1}}"#, r#"{"X": 5}"#] {
            case(object, "`headers` is not an object");
        }
        case(r#"{"X": "s3cret\nY: 1"}"#, "`headers`: the value of `X` has a control character");
        case(r#"{"X s3cret": "1"}"#, "`headers`: the name of a header has a character");
        case(r#"{"Range": "bytes=0-1"}"#, "`Range` cannot be set");
        case(r#"{"cookie": "s3cret", "Cookie": "a"}"#, "is given twice");
        case(r#"{"Cookie": ["s3cret", "a"]}"#, "`Cookie` is given twice");
    }
}
