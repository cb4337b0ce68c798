-- Whether a mail about an export is wanted, whatever the settings of its reader say; null where they decide.
ALTER TABLE notify_exports ADD COLUMN mail boolean;
