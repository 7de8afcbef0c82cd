-- Sixteen transactions share a run.
begin;
select plan(3);
select is(gendurable._run('31'), 1::bigint, 'the id without its last four bits');
select is(gendurable._run('32'), 2::bigint, 'the next one');
select is(gendurable._run('17592186044415'), (1::bigint << 40) - 1,
    'it fits into a lane for the first 17 trillion transactions');
select * from finish();
rollback;
