ledger-title = Evidence ledger
ledger-lead = Every piece of work, decision and document is a record that holds the hash of the record before it.
ledger-count = Records
ledger-records = { $count ->
    [one] { $count } record
   *[other] { $count } records
}
ledger-head = Head (text for checking)
ledger-checkpoints = Signed checkpoints
ledger-export = Export as ZIP
ledger-limits = What this ledger proves, and what not
ledger-proves = The head is printed on every monthly report and sent to the city every day. Checked against a head that the city keeps, it shows that no record up to then was changed later. mamori ledger verify does this anywhere, without this installation.
ledger-proves-not = It does not prove that what was recorded was right when it was written, that everything was recorded that should have been, or that records after the last head the city received were not changed.
ledger-filter-kind = Kind
ledger-filter-subject = Subject (such as O-012)
ledger-filter-actor = Recorded by
ledger-filter-from = From this day
ledger-filter-to = Up to this day
ledger-newest = Back to the newest records
ledger-none = No record fits. Widen the days or the kind.
ledger-table = Records
ledger-col-seq = Number
ledger-col-at = Time
ledger-col-kind = Kind
ledger-col-subject = Subject
ledger-col-actor = Recorded by
ledger-col-more = Attachments
ledger-col-size = Up to
ledger-col-head = Head
ledger-col-root = Root
ledger-col-signature = Signature
ledger-files = { $count ->
    [one] { $count } file
   *[other] { $count } files
}
ledger-has-personal = personal data beside the ledger
ledger-searched = Searched as far as #{ $seq }. More may fit beyond it.
ledger-older = Older records
ledger-newer = Newer records
ledger-beside = Records before and after
ledger-before = Record before
ledger-after = Next record
ledger-fact-at = Time
ledger-fact-observed = Time of the clock (it was behind the record before)
ledger-fact-actor = Recorded by
ledger-fact-kind = Kind
ledger-fact-subject = Subject
ledger-fact-item = Item
ledger-open-item = Open
ledger-yes = yes
ledger-no = no
ledger-payload = Content
ledger-payload-empty = No content.
ledger-attachments = Attachments
ledger-bytes = { $count ->
    [one] { $count } byte
   *[other] { $count } bytes
}
ledger-canonical = Canonical JSON
ledger-canonical-lead = The hash is computed from exactly this text.
ledger-personal-kept = The personal data of this record is kept beside the ledger, which holds only its digest.
ledger-personal-erased = The personal data of this record was erased. The ledger keeps its digest and the record of the erasure.
ledger-tombstone = Record of the erasure
ledger-erased-record = See the record whose data was erased
ledger-proof = Proof
ledger-proof-holds = Computed again just now: record, leaf, path, root and signature fit together.
ledger-says = What this proof says
ledger-says-1 = When the checkpoint below was signed, this record was in the ledger with the content it has now.
ledger-says-2 = Whoever has the checkpoint can compute this without trusting this installation.
ledger-says-not = What it does not say
ledger-says-not-1 = That the content of the record is true.
ledger-says-not-2 = That nothing else was left out.
ledger-says-not-3 = That the public key is this installation's. Compare it with a head that the city received or that is printed on a document.
ledger-prev = Hash of the record before
ledger-hash = Hash of this record
ledger-leaf = Leaf
ledger-steps = From leaf to root
ledger-steps-note = put left before right, 0x01 in front, and take SHA-256
ledger-step = Step
ledger-step-covers = Records of the sibling
ledger-step-side = Side
ledger-step-left = left
ledger-step-right = right
ledger-step-sibling = Sibling
ledger-step-result = Result
ledger-root = Root
ledger-checkpoint = Signed checkpoint
ledger-signed = Signed { $at }, up to #{ $size }
ledger-key = Public key
ledger-fingerprint = Fingerprint of the key
ledger-download = Save the proof as JSON
ledger-offline = The saved file can be checked on any computer that has nothing to do with this installation. Give a head that you kept with --against.
ledger-checkpoints-lead = Size, head and root of the ledger, signed with this installation's key. The daily one is also sent to the city.
ledger-no-checkpoints = Nothing is signed yet. A checkpoint is made every day at 23:55.
ledger-signature-ok = fits
ledger-signature-other = earlier key
