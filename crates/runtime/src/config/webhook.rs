//! `[[webhook]]`: receivers that the machine's operator names, and `[webhooks]`: what people may
//! subscribe.

use super::reader::Reader;
use super::{Config, Place, Secret, http_url};

/// `[[webhook]]`.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Name by which a notification names it.
    pub name: String,
    /// Address that receives a POST.
    pub url: String,
    /// Key of the HMAC-SHA256 signature.
    pub secret: Secret,
}

impl Config {
    pub(super) fn read_webhooks(&mut self, reader: &mut Reader) {
        if let Some(private) = reader.boolean("webhooks.allow_private") {
            self.webhook_private = private;
        }
        for index in 0..reader.count("webhook") {
            let key = |name: &str| format!("webhook[{index}].{name}");
            let name = reader.text(&key("name"), "\"noc\"");
            let url = reader.parsed(&key("url"), "\"https://hooks.example.jp/mamori\"", |text| {
                http_url(text).map(|()| text.to_owned())
            });
            let secret = reader.secret_file(&key("secret_file"));
            for (field, there) in [
                ("name", name.is_some()),
                ("url", url.is_some()),
                ("secret_file", secret.is_some()),
            ] {
                if !there && reader.place_of(&key(field)) == Place::Nowhere {
                    reader.problem(
                        &format!("webhook[{index}]"),
                        format!("[[webhook]] に {field} がありません"),
                        "name, url, secret_file の 3 つを書いてください。",
                    );
                }
            }
            if let (Some(name), Some(url), Some(secret)) = (name, url, secret) {
                if self.webhooks.iter().any(|webhook| webhook.name == name) {
                    reader.problem(
                        &key("name"),
                        format!("webhook の名前「{name}」が 2 度使われています"),
                        "名前を変えてください。",
                    );
                }
                self.webhooks.push(Webhook { name, url, secret });
            }
        }
    }
}
