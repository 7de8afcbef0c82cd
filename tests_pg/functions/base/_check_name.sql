-- Names that are missing, empty or too long are refused.
begin;
\ir ../prelude.psql
select plan(5);

select is(pg_temp.refusal($$ select gendurable._check_name('queue', 'q') $$), 'no error', 'a name');
select is(pg_temp.refusal($$ select gendurable._check_name('queue', null) $$), 'GD001 queue is required',
    'a missing one');
select is(pg_temp.refusal($$ select gendurable._check_name('step', '') $$), 'GD001 step is required', 'an empty one');
select is(pg_temp.refusal($$ select gendurable._check_name('queue', repeat('é', 500)) $$), 'no error', '1,000 bytes');
select is(pg_temp.refusal($$ select gendurable._check_name('queue', repeat('é', 500) || 'x') $$),
    'GD002 queue is longer than 1,000 bytes: ' || repeat('é', 40) || '...', 'a byte more');

select * from finish();
rollback;
