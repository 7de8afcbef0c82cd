-- Whether this transaction may notify: not where it says SET LOCAL gendurable.notify = off.
create function gendurable._notifies() returns boolean
language sql stable
return coalesce(current_setting('gendurable.notify', true), '') not in ('off', 'false', 'no', '0');
comment on function gendurable._notifies() is 'Whether this transaction may notify.';
