"""The synthetic multilingual world: languages with typological parameters, text to pretrain on, and every task, from one seed."""
