//! XML: texts of elements (`XML:/*`) and values of attributes (`XML://@*`).
//!
//! No entity is ever loaded or expanded beyond the five of XML and numeric ones; a document type is
//! read as text, so that what is declared there is looked at too.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{BodyError, Sink};

/// Name of texts.
pub(crate) const TEXTS: &[u8] = b"/*";
/// Name of attributes.
pub(crate) const ATTRIBUTES: &[u8] = b"//@*";

/// Gives every text and every attribute to the sink. The text of an element is joined across
/// comments and entities, as an application reads it, and ends where a child begins.
pub(crate) fn parse(input: &[u8], depth: usize, sink: &mut dyn Sink) -> Result<(), BodyError> {
    // Bytes that are no UTF-8 (Shift_JIS, say) are replaced; what attacks are made of is ASCII.
    let source = String::from_utf8_lossy(input);
    let mut reader = Reader::from_str(&source);
    let config = reader.config_mut();
    config.check_end_names = true;
    config.allow_dangling_amp = true;
    let mut open = 0usize;
    let mut elements = 0usize;
    let mut text: Vec<u8> = Vec::new();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| BodyError::Xml(error.to_string()))?;
        match event {
            Event::Start(start) => {
                flush(&mut text, sink)?;
                elements += 1;
                open += 1;
                if open > depth {
                    return Err(BodyError::Xml("nested too deeply".to_owned()));
                }
                attributes(&start, sink)?;
            }
            Event::Empty(start) => {
                flush(&mut text, sink)?;
                elements += 1;
                attributes(&start, sink)?;
            }
            Event::End(_) => {
                flush(&mut text, sink)?;
                open = open.saturating_sub(1);
            }
            Event::Text(part) => text.extend_from_slice(part.as_bytes()),
            Event::CData(part) => text.extend_from_slice(part.as_bytes()),
            Event::GeneralRef(name) => entity(name.as_bytes(), &mut text),
            Event::DocType(part) => {
                let mut declared = part.as_bytes().to_vec();
                flush(&mut declared, sink)?;
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    flush(&mut text, sink)?;
    if open > 0 {
        return Err(BodyError::Xml("an element is not closed".to_owned()));
    }
    if elements == 0 {
        return Err(BodyError::Xml("there is no element".to_owned()));
    }
    Ok(())
}

fn flush(text: &mut Vec<u8>, sink: &mut dyn Sink) -> Result<(), BodyError> {
    if !text.trim_ascii().is_empty() && !sink.value(TEXTS, text) {
        return Err(too_many());
    }
    text.clear();
    Ok(())
}

fn too_many() -> BodyError {
    BodyError::Xml("too many values".to_owned())
}

fn attributes(start: &BytesStart<'_>, sink: &mut dyn Sink) -> Result<(), BodyError> {
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| BodyError::Xml(error.to_string()))?;
        let value = expand(attribute.value.as_bytes());
        if !sink.value(ATTRIBUTES, &value) {
            return Err(too_many());
        }
    }
    Ok(())
}

/// Replaces entities in the value of an attribute.
fn expand(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(&rest[..at]);
        if let Some(length) = memchr::memchr(b';', &rest[at..]).filter(|length| *length <= 32) {
            entity(&rest[at + 1..at + length], &mut out);
            rest = &rest[at + length + 1..];
        } else {
            out.push(b'&');
            rest = &rest[at + 1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Writes what an entity stands for; unknown ones stay as they are.
fn entity(name: &[u8], out: &mut Vec<u8>) {
    let number = std::str::from_utf8(name).ok().and_then(|name| {
        let digits = name.strip_prefix('#')?;
        match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        }
    });
    match (name, number.and_then(char::from_u32)) {
        (_, Some(c)) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        (b"lt", _) => out.push(b'<'),
        (b"gt", _) => out.push(b'>'),
        (b"amp", _) => out.push(b'&'),
        (b"quot", _) => out.push(b'"'),
        (b"apos", _) => out.push(b'\''),
        (name, None) => {
            out.push(b'&');
            out.extend_from_slice(name);
            out.push(b';');
        }
    }
}
