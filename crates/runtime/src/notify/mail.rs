//! Mail through the configured relay, or into the local sink when there is none.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::{Notification, count};
use crate::config::{Smtp, SmtpSecurity};
use crate::job::{JobContext, JobError};

const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn deliver(context: JobContext) -> Result<(), JobError> {
    let mail: Notification = context.payload()?;
    let message = compose(&context, &mail).await?;
    let Some(smtp) = &context.app.config.smtp else {
        write_sink(sink_path(&context), message.formatted()).await?;
        count("sink", "sent");
        return Ok(());
    };
    if let Err(error) = send(smtp, message).await {
        count("smtp", "failed");
        return Err(if error.is_permanent() {
            JobError::Permanent(format!("relay refused the mail: {error}"))
        } else {
            error.into()
        });
    }
    count("smtp", "sent");
    Ok(())
}

async fn compose(context: &JobContext, mail: &Notification) -> Result<Message, JobError> {
    let app = &context.app;
    let mailbox = |text: &str| {
        text.parse::<Mailbox>()
            .map_err(|error| JobError::Permanent(format!("{text} is no mail address: {error}")))
    };
    let host = app
        .config
        .mail
        .from
        .rsplit_once('@')
        .map_or("localhost", |(_, host)| host);
    let mut builder = Message::builder()
        .from(mailbox(&app.config.mail.from)?)
        .date(SystemTime::from(app.now()))
        .message_id(Some(format!("<{}@{host}>", context.id)))
        .subject(&mail.subject);
    for to in &mail.to {
        builder = builder.to(mailbox(to)?);
    }
    let text = SinglePart::plain(mail.body.clone());
    if mail.attachments.is_empty() {
        return Ok(builder.singlepart(text)?);
    }
    let mut parts = MultiPart::mixed().singlepart(text);
    for file in &mail.attachments {
        let bytes = app.read_blob(file.sha256).await?;
        let media_type = ContentType::parse(&file.media_type)
            .map_err(|error| JobError::Permanent(format!("{}: {error}", file.media_type)))?;
        parts = parts.singlepart(Attachment::new(file.name.clone()).body(bytes, media_type));
    }
    Ok(builder.multipart(parts)?)
}

async fn send(smtp: &Smtp, message: Message) -> Result<(), lettre::transport::smtp::Error> {
    let tls = match smtp.security {
        SmtpSecurity::None => Tls::None,
        SmtpSecurity::StartTls => Tls::Required(TlsParameters::new(smtp.host.clone())?),
        SmtpSecurity::Tls => Tls::Wrapper(TlsParameters::new(smtp.host.clone())?),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)
        .port(smtp.port)
        .tls(tls)
        .timeout(Some(TIMEOUT));
    if let Some((user, password)) = &smtp.credentials {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    builder.build().send(message).await?;
    Ok(())
}

fn sink_path(context: &JobContext) -> PathBuf {
    let at = mamori_kernel::clock::tokyo_datetime(context.app.now()).strftime("%Y%m%d-%H%M%S");
    context
        .app
        .mail_sink()
        .join(format!("{at}-{}.eml", context.id))
}

/// Written beside and renamed, so that a reader never sees half a mail.
async fn write_sink(path: PathBuf, bytes: Vec<u8>) -> Result<(), JobError> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let half = path.with_extension("part");
    tokio::fs::write(&half, bytes).await?;
    tokio::fs::rename(&half, &path).await?;
    Ok(())
}
