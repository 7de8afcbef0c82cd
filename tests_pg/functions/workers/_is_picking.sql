-- Whether a pick is in flight; that of another session is tested in races/claims_since.sql.
begin;
select plan(3);

select gd_register('w') as w \gset
select is(gendurable._is_picking(:w), false, 'a worker that does not pick');
select is(gendurable._is_picking(-1), true, 'an unknown one cannot be told from one that picks');
select is_empty('select from gendurable.workers where xmax <> 0 and pg_xact_status(xmax::text::xid8) <> $$aborted$$',
    'the lock is let go of');

select * from finish();
rollback;
