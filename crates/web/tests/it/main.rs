//! The console through its router: what a browser and a program see.

mod accounts;
mod answers;
mod api;
mod api_house;
mod bad_input;
mod contracts;
mod entrances;
mod every_act;
mod forms;
mod gallery;
mod house;
mod lists;
mod mail_address;
mod oidc;
mod oidc_provider;
mod postgres;
mod program_pages;
mod sample;
mod second_factor;
mod sessions;
mod settings;
mod templates;
mod trail;
mod walk;
