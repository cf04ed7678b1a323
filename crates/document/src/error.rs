//! What can go wrong while a paper is made, chosen by what the caller can do about it.

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a paper could not be made. The texts are for people: what happened, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable face of BIZ UDGothic in the directories looked at.
    #[error(
        "書類用の書体 BIZ UDゴシックが見つかりません（探した場所：{searched}）。`sudo apt-get install {package}` で入れてください (font not found)"
    )]
    FontMissing {
        /// Debian package that holds the face.
        package: &'static str,
        /// Directories searched, joined for reading.
        searched: String,
    },
    /// A font file is there but cannot be read or is not a font.
    #[error("書体ファイル {path} を読めません：{reason} (unreadable font)")]
    FontUnreadable {
        /// File concerned.
        path: String,
        /// Cause as told by the system.
        reason: String,
    },
    /// PDF/UA forbids missing glyphs, and a silent blank on a record would be worse.
    #[error(
        "どの書体にもない文字があります：{characters}（含まれる文：「{context}」）。その文字を別の表記に直すか、字形のある書体を入れてください（予備の書体：`sudo apt-get install {package}`） (missing glyph)"
    )]
    MissingGlyph {
        /// The characters with code points, e.g. `𠮷 (U+20BB7)`.
        characters: String,
        /// The first text that holds one, shortened.
        context: String,
        /// Debian package of the fallback face.
        package: &'static str,
    },
    /// The typesetter refused. A fault of this program's template, not of the data.
    #[error("PDF を組版できませんでした：{0} (typesetting failed)")]
    Typeset(String),
    /// The kind of document holds no table, so there is nothing for Excel.
    #[error(
        "書類「{0}」には表がないため Excel では出せません。PDF か Word を使ってください (no table)"
    )]
    NoTable(String),
    /// Writing the package failed.
    #[error("{format} の書き出しに失敗しました：{reason} (write failed)")]
    Write {
        /// `Word` or `Excel`.
        format: &'static str,
        /// Cause.
        reason: String,
    },
    /// The city's form cannot be used as it is.
    #[error("様式ファイルを使えません：{0} (form refused)")]
    Form(String),
    /// The form asks for names that the document does not offer.
    #[error("様式に知らない差し込み名があります：{}。つづりを確かめ、様式の差し込み名を直してください (unknown placeholder)", .0.join("、"))]
    UnknownPlaceholders(
        /// One line per name, with a suggestion where one is near.
        Vec<String>,
    ),
    /// A model holds values that cannot be drawn or written, e.g. a NaN in a chart.
    #[error("書類の内容に誤りがあります：{0} (invalid model)")]
    Invalid(String),
}
