//! The faces papers are set in: BIZ UDGothic from the system, and fallbacks for rare characters
//! that are read only when a paper needs them (the Noto collection is 19 MB).
//!
//! This is the only I/O of the crate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use typst::foundations::Bytes;
use typst::text::{Coverage, Font};

use crate::error::{Error, Result};

/// Debian package of the face.
pub const FONT_PACKAGE: &str = "fonts-morisawa-bizud-gothic";
/// Debian package of the fallback.
const FALLBACK_PACKAGE: &str = "fonts-noto-cjk";

/// Family names, first choice first; the template names them in this order.
pub(crate) const FAMILIES: [&str; 3] = ["BIZ UDGothic", "Noto Sans CJK JP", "DejaVu Sans"];

const REGULAR: &str = "BIZUDGothic-Regular.ttf";
const BOLD: &str = "BIZUDGothic-Bold.ttf";
/// Fallback files with the family wanted from them, in order of preference. 𠮷 and other kanji
/// beyond JIS come from Noto; Hebrew, Arabic and further scripts from DejaVu.
const FALLBACKS: [(&str, &str); 2] = [
    ("NotoSansCJK-Regular.ttc", FAMILIES[1]),
    ("DejaVuSans.ttf", FAMILIES[2]),
];

/// Loaded faces. Make one and keep it: rendering shares it between threads.
#[derive(Debug)]
pub struct Fonts {
    regular: Font,
    bold: Font,
    dirs: Vec<PathBuf>,
    fallbacks: [OnceLock<Option<Font>>; FALLBACKS.len()],
}

impl Fonts {
    /// Loads the faces from the system's and the user's font directories.
    pub fn system() -> Result<Self> {
        let mut dirs = vec![
            PathBuf::from("/usr/share/fonts"),
            PathBuf::from("/usr/local/share/fonts"),
        ];
        if let Some(home) = std::env::var_os("HOME") {
            dirs.push(Path::new(&home).join(".local/share/fonts"));
        }
        Self::from_dirs(dirs)
    }

    /// Loads the faces from these directories, searched in order and with their subdirectories.
    pub fn from_dirs(dirs: Vec<PathBuf>) -> Result<Self> {
        Ok(Self {
            regular: required(&dirs, REGULAR)?,
            bold: required(&dirs, BOLD)?,
            dirs,
            fallbacks: [const { OnceLock::new() }; FALLBACKS.len()],
        })
    }

    /// The faces that together can show all these texts, in order of preference. Fails with the
    /// characters none of them has.
    pub(crate) fn covering<'a>(
        &self,
        texts: &(impl Iterator<Item = &'a str> + Clone),
    ) -> Result<Vec<Font>> {
        let mut missing: BTreeSet<char> = texts
            .clone()
            .flat_map(str::chars)
            .filter(|c| !c.is_control() && !has(&self.regular, *c))
            .collect();
        let mut faces = vec![self.regular.clone(), self.bold.clone()];
        for index in 0..FALLBACKS.len() {
            if missing.is_empty() {
                break;
            }
            let Some(face) = self.fallback(index) else {
                continue;
            };
            let before = missing.len();
            missing.retain(|c| !has(face, *c));
            if missing.len() < before {
                faces.push(face.clone());
            }
        }
        if missing.is_empty() {
            return Ok(faces);
        }
        let context = texts
            .clone()
            .find(|text| text.chars().any(|c| missing.contains(&c)))
            .map(|text| shorten_around(text, &missing))
            .unwrap_or_default();
        let characters = missing
            .iter()
            .take(10)
            .map(|c| format!("{c} (U+{:04X})", u32::from(*c)))
            .collect::<Vec<_>>()
            .join("、");
        Err(Error::MissingGlyph {
            characters,
            context,
            package: FALLBACK_PACKAGE,
        })
    }

    fn fallback(&self, index: usize) -> Option<&Font> {
        let (file, family) = FALLBACKS[index];
        self.fallbacks[index]
            .get_or_init(|| {
                let path = find(&self.dirs, file)?;
                let bytes = Bytes::new(std::fs::read(path).ok()?);
                Font::iter(bytes).find(|font| font.info().family.as_str() == family)
            })
            .as_ref()
    }
}

fn has(font: &Font, c: char) -> bool {
    let coverage: &Coverage = &font.info().coverage;
    coverage.contains(u32::from(c))
}

fn required(dirs: &[PathBuf], name: &str) -> Result<Font> {
    let Some(path) = find(dirs, name) else {
        return Err(Error::FontMissing {
            package: FONT_PACKAGE,
            searched: dirs
                .iter()
                .map(|d| d.display().to_string())
                .collect::<Vec<_>>()
                .join("、"),
        });
    };
    let unreadable = |reason: String| Error::FontUnreadable {
        path: path.display().to_string(),
        reason,
    };
    let bytes = std::fs::read(&path).map_err(|e| unreadable(e.to_string()))?;
    Font::new(Bytes::new(bytes), 0).ok_or_else(|| unreadable("書体の形式ではありません".into()))
}

/// First file of that name, in the order of the directories, subdirectories sorted by name so that
/// the choice does not depend on the disk. Depth is limited: font trees are shallow, links may loop.
fn find(dirs: &[PathBuf], name: &str) -> Option<PathBuf> {
    fn walk(dir: &Path, name: &str, depth: u8) -> Option<PathBuf> {
        let direct = dir.join(name);
        if direct.is_file() {
            return Some(direct);
        }
        if depth == 0 {
            return None;
        }
        let mut below: Vec<PathBuf> = std::fs::read_dir(dir)
            .ok()?
            .filter_map(|entry| entry.ok().map(|e| e.path()))
            .filter(|path| path.is_dir())
            .collect();
        below.sort();
        below.iter().find_map(|sub| walk(sub, name, depth - 1))
    }
    dirs.iter().find_map(|dir| walk(dir, name, 5))
}

/// Up to twelve characters on each side of the first missing one.
fn shorten_around(text: &str, missing: &BTreeSet<char>) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = chars.iter().position(|c| missing.contains(c)).unwrap_or(0);
    let (from, to) = (at.saturating_sub(12), (at + 13).min(chars.len()));
    let mut out = String::new();
    if from > 0 {
        out.push('…');
    }
    out.extend(&chars[from..to]);
    if to < chars.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_font_names_the_package() {
        let dir = std::env::temp_dir().join("mamori-document-no-fonts-here");
        let text = Fonts::from_dirs(vec![dir]).unwrap_err().to_string();
        assert!(
            text.contains("apt-get install fonts-morisawa-bizud-gothic"),
            "{text}"
        );
        assert!(text.contains("mamori-document-no-fonts-here"), "{text}");
    }

    #[test]
    fn the_fallback_is_read_only_when_needed() {
        let fonts = Fonts::system().unwrap();
        assert_eq!(
            fonts.covering(&["髙橋 﨑 ABC"].into_iter()).unwrap().len(),
            2
        );
        assert!(
            fonts.fallbacks.iter().all(|cell| cell.get().is_none()),
            "nothing read yet"
        );
        assert_eq!(fonts.covering(&["𠮷田"].into_iter()).unwrap().len(), 3);
        assert!(fonts.fallbacks[1].get().is_none(), "Noto was enough");
    }

    #[test]
    fn a_missing_character_is_named_with_its_surroundings() {
        let fonts = Fonts::system().unwrap();
        // Egyptian hieroglyph: none of the faces has it.
        let error = fonts
            .covering(&["普通の文", "これは試しの𓀀文字です"].into_iter())
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("𓀀 (U+13000)") && text.contains("これは試しの𓀀文字です"),
            "{text}"
        );
    }
}
