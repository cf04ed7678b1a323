//! The console through its router: what a browser and a program see.

mod accounts;
mod answers;
mod api;
mod contracts;
mod forms;
mod gallery;
mod house;
mod postgres;
mod sample;
mod sessions;
mod walk;
