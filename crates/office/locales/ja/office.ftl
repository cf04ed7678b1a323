nav-start = 契約の状況
nav-obligations = 義務
nav-documents = 書類
nav-ledger = 証跡台帳
