//! The runtime with a real database, a driven clock and real conversations over sockets.

mod capability;
mod jobs;
mod notifications;
mod processes;
mod subscriptions;
