nav-start = Contract at a glance
nav-obligations = Obligations
nav-documents = Documents
nav-ledger = Evidence ledger
