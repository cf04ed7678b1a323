# Help (/help). Marks: "## " heading, "- " point, "1. " step, ` ` around commands, ~ ~ around keys.

help-title = Help
help-lead = The first day of each role, and how each kind of work is done.
help-first-days = First days
help-topics = How work is done
help-own = Your role
help-all = All help

help-first-city = First day of the city's officer
help-first-city-lead = You see whether the contract is kept, receive papers and accept them.
help-first-city-body =
    ## Where to look first
    The first sentence of “Contract at a glance” says whether the contract is kept. Below it stand what waits for you, what is overdue and the hours used this month. Every figure leads to the list behind it.

    ## To do on the first day
    1. Open “Obligations” and see, clause by clause, what is kept and what is not due yet.
    2. Open those marked “the text does not decide”. The possible readings stand there; decide on the city's and tell the contractor.
    3. Open “Monthly closing” and read what was submitted. Accept it, or return it and say what to mend.

    ## What only the city can do
    - Accepting and returning documents belongs to the city's role alone. Not even the contractor's administrator can do it.
    - You can read the contractor's work entries but not change them.

    ## What arrives every day
    One mail a day holds the head of the ledger. You need not read it, but keep it: with it anyone can later check that the ledger was not rewritten.

help-first-manager = First day of the person in charge
help-first-manager-lead = You answer for deadlines and papers, close the month and submit.
help-first-manager-body =
    ## Where to look first
    Deadlines and missing evidence on the start page. Beside each date stands why it is that date (moved by a holiday, for example).

    ## To do on the first day
    1. In “Obligations”, look at those without evidence (unmeasured) and settle who records what and when.
    2. Ask the city about obligations that the text does not decide. Once the decision is recorded, the verdict follows.
    3. See when attestations expire and ask for new ones in time.
    4. See whether last month has been closed.

    ## Before you submit
    Drafts are made by themselves before their date; nothing is submitted until a person does it. A submitted version cannot be changed: you replace it by the next one.

help-first-staff = First day of an engineer
help-first-staff-lead = Find what is due today, what is broken, and what to write down now.
help-first-staff-body =
    ## Where to look first
    “Contract at a glance” shows what is due soon, what waits for you and the hours used this month.

    ## To do on the first day
    1. Open “Work entries”, press ~n~ and write down one piece of today's work.
    2. Open your request under “Requests” and write the estimate.
    3. Write questions that came by phone or mail under “Questions”. The time of the answer is kept too.

    ## Good to know
    - Write work down when it is done. Later is possible, but when it was written cannot be changed.
    - Work outside 8:45–17:15 needs a reason. The page tells you.
    - A mistake is corrected or withdrawn. The first record stays and is linked with the correction.

help-first-counsellor = First day of a counsellor
help-first-counsellor-lead = You see questions and ask the contractor.
help-first-counsellor-body =
    ## Where to look first
    The menu shows only what the desk needs, neither verdicts nor papers.

    ## To do on the first day
    1. Open “Questions” and read what was asked and answered.
    2. When something is wrong with the site, send a question to the contractor. Its mark in the list changes when it is answered.

    ## Take care
    - Do not write a visitor's name or story into a question.
    - Sign out when you leave. After a while without use you are signed out; an unfinished text can be restored after signing in.

help-first-viewer = First day of an auditor
help-first-viewer-lead = Check the grounds of verdicts and the ledger without changing anything.
help-first-viewer-body =
    ## Where to look first
    “Obligations”: the clause and the records behind the verdict stand side by side.

    ## How to check
    1. Choose an obligation and note the numbers of its records.
    2. Open a number in “Ledger”: the content of the record and its proof are there.
    3. On another machine, hold an exported ledger against the head in a mail that the city kept: `mamori ledger verify FILE --against HEAD`.

    ## What you cannot do
    An auditor changes nothing. Who looked at which personal data can be read.

help-first-administrator = First day of the administrator
help-first-administrator-lead = You decide who may do what, and keep the installation running.
help-first-administrator-body =
    ## To do on the first day
    1. Invite people under “People”: choose the role and the contracts they may see. People of the city get the city's role.
    2. Register a passkey or a one-time code for yourself.
    3. Look at “System health”: are all checks fine, has no job failed, is there room on the disk?

    ## To look at every day
    - Failed jobs. Read the reason, mend it, press “Try again”. Who pressed it stays in the ledger.
    - Mail that did not arrive. Check address and relay before you try again.

    ## Not too much
    - Few people need to be administrators. Daily records are written as engineer or person in charge.
    - An administrator cannot accept documents: an acceptance that the supplier could write would prove nothing.
    - When someone leaves, stop the account the same day. Its records stay.

help-work = Writing work down
help-work-lead = When, what and how long; and whether it counts towards the month's hours.
help-work-body =
    ## Steps
    1. In “Work entries” press ~n~, or choose to make a new one.
    2. Write the date, and beginning and end (or the time it took). The timer fills them in.
    3. Choose the category and write what happened and what was done.
    4. Finish with the button; in a field of one line ~Enter~ sends too.

    ## The month's hours
    The contract limits the hours of a month. Which work counts follows from the categories of the specification; what the text does not decide is added up separately. You are told when the limit is near.

    ## Mistakes
    - A correction adds what is right and keeps what was written.
    - A withdrawal, with a reason, takes the entry out of the sums.
    - If somebody else changed the same entry first, both versions are shown. Nothing you typed is lost.

help-requests = Requests, questions, approvals
help-requests-lead = From the city's request over the estimate and the work to its acceptance.
help-requests-body =
    ## The way of a request
    1. The request is registered, by the contractor or by the city's officer.
    2. An engineer estimates it; the city agrees.
    3. The work is done; its entries name the request.
    4. The request is reported done and the city accepts it, or returns it with a reason.

    ## Questions
    For questions by phone and mail write when they came and when they were answered. The time between counts for the contract.

    ## Approvals and consultations
    Where the contract wants approval beforehand, nothing goes on without its record. If it was given by word of mouth, write when and by whom, and add the paper later.

help-closing = Closing the month
help-closing-lead = Bring the month's report from what is missing to its submission.
help-closing-body =
    ## Steps
    1. Open the closing and choose the month.
    2. Check the figures that the paper will print. Each leads to its evidence.
    3. Go through what is missing. Each line leads to where it is mended. What has no record is printed as missing; never make up a figure.
    4. Write your findings and notices.
    5. Look at the PDF.
    6. Submit it and record the day on which it was handed to the city, and its receipt if there is one.

    ## Afterwards
    - The time for acceptance runs from the day of submission.
    - If it is returned, read the reason and submit a new version. The old one stays and can be compared.

help-acceptance = Submitting and accepting papers
help-acceptance-lead = The states of a paper from draft to acceptance.
help-acceptance-body =
    ## States
    - Draft: the contractor can still change it.
    - Submitted: the contractor cannot change it; it is the city's turn.
    - Returned: the city gave a reason; the contractor makes a new version.
    - Accepted: finished. Nobody can change it.

    ## How the city accepts
    1. Open the paper and read the PDF. Its footer holds the head of the ledger.
    2. If there are several versions, look at what changed.
    3. Accept it, or return it with a reason.

    ## Time
    How the time is counted (days, office days, with or without the first day) follows the contract and stands beside the date. Days in which the city has not answered are not the contractor's delay.

help-obligations = Obligations and deadlines
help-obligations-lead = Whether each sentence of the contract is kept now.
help-obligations-body =
    ## Reading the list
    A line is an obligation: clause, state, date, person. Open it to see the clause beside the records behind its state.

    ## Filtering
    Filter by clause, state, date and person. The address of the filtered list can be sent to others.

    ## Dates
    - If a date falls on a closed day, the contract says whether it moves forward or back. The reason is shown.
    - The deadlines can be taken into a calendar.

help-verdicts = What the verdicts mean
help-verdicts-lead = From “met” to “unmeasured”: what each of them says.
help-verdicts-body =
    ## The six verdicts
    - Met: there are records, and they fulfil what the text asks.
    - Not met: there are records and they do not, or the date has passed without any.
    - The text does not decide: it can be read in several ways that give different answers. Until city and contractor decide, neither is claimed.
    - Not due: its date has not come.
    - Unmeasured: nothing here writes the records it needs. That it is kept cannot be said.
    - Not applicable: it does not apply to this contract; the reason is given.

    ## What matters
    Nothing is “met” without a record. Soft words such as 目処 or 速やかに only warn; they never make a breach.

    ## When a verdict changes
    With a new record, a correction, the passing of a date, or a decision on a reading. The page of the obligation shows when and by what.

help-ledger = What the ledger proves
help-ledger-lead = That records were not changed after they were written, checked on another machine.
help-ledger-body =
    ## What it proves
    - The records form a chain, each holding the fingerprint of the one before. Changing, removing or reordering one changes the head.
    - Every night the head is signed and mailed to the city. As long as the city keeps that mail, nothing up to then can be changed unnoticed.

    ## What it does not prove
    - That what was written was true when it was written.
    - That nothing happened that was not written.

    ## Checking
    1. Export the ledger with `mamori ledger export`.
    2. Take the head out of a mail that the city kept.
    3. On another machine run `mamori ledger verify FILE --against HEAD`.

    ## Personal data
    Names and the like lie beside the chain and can be erased. The chain keeps a salted fingerprint only, and the erasure is a record too.

help-gateway = Refusing attacks, and mending what was refused by mistake
help-gateway-lead = The gateway stands in front of the site. When it refuses something ordinary, take just that parameter away.
help-gateway-body =
    ## When somebody cannot send
    1. Ask for the number on their screen.
    2. Look for it under "Refused requests": you see the rules that matched and the values.
    3. If it was ordinary, choose "Exclude just this parameter here", give the reason and a last day. It is in force within seconds.
    4. If it was an attack, do nothing.

    ## Changing only a path or a rule
    - Under "Modes of paths and rules" a path such as `/wp-admin/` or a single rule can be observed only, or not used. It needs a reason and a last day, and ends by itself after it.
    - A rule that is only observed adds nothing to the score when it matches. The list of refused requests shows it as only noted.
    - While the whole site is only observed, the path of the sign-in alone can be set to block.

    ## Looking at the traffic
    "Traffic" shows the last 5 minutes, the hours and the days, and the most frequent kinds of attack, rules and paths. The monthly report holds what the firewall did in its month.

    ## Closing and opening a site
    Under "Gateway", change the settings: a closed site shows a maintenance page.

    ## Certificates
    "Certificates" shows until when each is good. Those that renew themselves are replaced when a third of their life is left. When that fails, the page says why and what to do, and the one before stays in use. Then press "Renew now".

    ## What stays
    - Changes and exclusions stand in the ledger with their reason and who decided.
    - Every day samples of attacks are tried, and ordinary texts; what came of it is evidence.
    - Every day certificates and encryption are looked at as visitors get them; what came of it is evidence.
    - Addresses of clients and values are gone after 90 days. They never enter the ledger.

help-keys = Keys
help-keys-lead = Quickly, without a mouse.
help-keys-body =
    ## Everywhere
    - ~?~ opens the list of keys of the page.
    - ~/~ goes to the search.
    - ~n~ makes a new record on pages that have one.
    - ~g~ and a letter go to a page of the menu. The letters are in the list.

    ## While typing
    - Single letters do nothing while you type.
    - ~Tab~ and ~Shift~+~Tab~ move, ~Enter~ sends from a field of one line.
    - Unfinished text is kept on this device as a draft.

    ## Switching them off
    Single letters can be switched off in the list of keys, if they get in the way of a screen reader. Without scripts every page works with links and buttons.

help-overview = Reading the start page
help-overview-lead = See at a glance whether the contract is kept and what comes next.
help-overview-body =
    ## From the top
    The first sentence says how the contract stands. Below it stand what is to be done, the contract and the services. The line under a figure says why.

    ## Choosing a figure
    - Each figure opens the list behind it.
    - Beside a date stands why it is that date.
    - What is not measured shows a dash. That does not mean that all is well.

    ## Several contracts
    Change the contract at the top. “All contracts” sets them side by side, with what is overdue and what waits for the city. If no contract opens for you, ask an administrator for a role and contracts.

help-proofs = Attestations, trainings, sub-contracts and the like
help-proofs-lead = Papers and confirmations that show that the contract is kept.
help-proofs-body =
    ## Where to write what
    - Attestations: certificates, insurance, pledges, with their day of issue and until when they hold. What does not apply is filed as such, with the reason.
    - Sub-contracts: after the approval, with the party and the work given to it. Without the record of the approval none can begin.
    - Trainings: topic, day and who took part.
    - Measures for personal data: planned, put in place, checked from time to time.
    - Hand-overs: what was handed over; the city records the receipt.
    - Confirmations: for duties that only a person can vouch for, with the day and what was confirmed.

    ## Steps
    1. Choose to make a new one in the list.
    2. Where there is a field for it, choose the obligation that it proves.
    3. Add the file and record it.

    ## Time
    You are reminded before something ends. Afterwards its obligation can no longer be called met. A mistake is withdrawn with a reason; the first record stays.

help-things = Assets, equipment and media
help-things-lead = Servers, domains and certificates, and what was lent, from the first day to the last.
help-things-body =
    ## Assets
    1. Register servers, domains, certificates and services with the day by which they are to be renewed.
    2. When something changes, write the day and the reason. What stood there before stays.
    3. When it is no longer used, retire it with the reason and what became of the data.

    ## Equipment and media
    1. Register what was lent and each medium that holds data of the city.
    2. When it is returned, keep the day and a copy of the receipt.
    3. When it is erased or destroyed, write how and who saw it, and keep the proof.

    ## Time
    Days of renewal and return are announced on the start page and by mail before they come.

help-letters = Mail to the city
help-letters-lead = Mail to the city waits until the person in charge has seen it.
help-letters-body =
    ## Sending
    1. Read address, subject and text under the mail that waits.
    2. Send it, or withdraw what is not to be sent.
    3. See in the list below whether it arrived.

    ## What waits here
    Requests for approval or acceptance, reminders and the like, written by themselves as the contract goes on. Nothing waits here before the city's address stands in the settings.

    ## Sending at once
    The settings can let mail go without waiting.

help-settings = Settings of a contract
help-settings-lead = What people decide for each contract, and what stands in the file of the installation.
help-settings-body =
    ## Changing
    1. Read what the field says and write the value.
    2. Save. Who changed it and when stays in the ledger.
    3. If somebody else changed it first, both are shown. Nothing you typed is lost.

    ## What cannot be changed here
    The table below holds what was written into `mamori.toml`. It is changed in that file, and holds after the next start. Secrets are not shown.

help-audit = Records of reading and of changes
help-audit-lead = Who saw which personal data, and who changed accounts and rights.
help-audit-body =
    ## Readings of personal data
    Each time personal data is shown, a line keeps the person, contract, kind, number and address. It is kept for three years and can be filtered by person, contract and day.

    ## Changes of people and rights
    Invitations, roles, stopped accounts, sign-ins, second factors, passkeys and API tokens stand in the order in which the ledger took them. Being records of the ledger, they cannot be changed or removed later.

    ## How to check
    1. Filter by person and day.
    2. Look for a sign-in that nobody remembers, or a role that nobody agreed to.
    3. If there is one, an administrator ends that person's sessions under “People” and stops the account.
    4. Save the list as CSV if it is needed.

help-account = Your account
help-account-lead = Name, language, password, second factor, passkeys and where you are signed in.
help-account-body =
    ## To do first
    1. Register a passkey or set up the second factor. Keep the recovery codes away from the telephone.
    2. Register your mail address: reminders of your dates and links for a new password go there.
    3. Choose the language and how dates are written.

    ## Being asked again
    Before something of weight, such as changing rights, you prove once more that it is you. Afterwards you go on with what you were doing.

    ## When something looks wrong
    - End a session that you do not know, then change the password.
    - If the password is forgotten, ask an administrator for a link.

help-programs = API tokens and webhooks
help-programs-lead = Using this from other systems, and telling other systems.
help-programs-body =
    ## API tokens
    1. Make one under “API tokens”: its name, what it may do, its contracts and until when.
    2. It is shown once. Put it where the other system keeps its secrets.
    3. Revoke it when it is no longer used. When its maker may do less, so may the token.

    ## Webhooks
    1. Register an address that begins with `https://` and the kinds of evidence to send.
    2. The key for the signature is shown once; give it to the receiver.
    3. Try it with a test.

    ## When nothing arrives
    It is tried for a while and then stopped. Read why in the list of what was sent, mend the receiver and resume: it goes on from where it stopped. Personal data is never sent.

help-search = Searching
help-search-lead = Numbers, words, people and pages from one field.
help-search-body =
    ## How
    1. Press ~/~ or write into the field at the top.
    2. Several words find what holds all of them.
    3. Choose with the arrow keys and open with ~Enter~.

    ## What is found
    - Clauses and texts of obligations, questions to the specification, titles and numbers of requests, work and the like, papers
    - `#123`: record 123 of the ledger
    - The number on a visitor's screen: the request that the gateway refused
    - Pages of the menu, help, and people (for those who may open the page of people)

    ## When nothing is found
    What you may not open is not shown. Use fewer words, or a part of the number.
