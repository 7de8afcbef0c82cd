-- A list of instances is complete.
begin;
\ir ../prelude.psql
select plan(4);

select is(pg_temp.refusal('select gendurable._check_ids(null)'), 'GD001 ids is required', 'it has to be there');
select is(pg_temp.refusal('select gendurable._check_ids(array[1, null, 3, null])'), 'GD003 ord 2: id is required',
    'and so has each of it');
select is(pg_temp.refusal($$ select gendurable._check_ids('{}') $$), 'no error', 'it may be empty');
select is(pg_temp.refusal('select gendurable._check_ids(array[3, 1, 3])'), 'no error', 'and in any order');

select * from finish();
rollback;
