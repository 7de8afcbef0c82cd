-- Runs with doorbells.
begin;
select plan(3);

insert into gendurable.doorbells (kind, key, run) values ('slot', 'a', 9), ('slot', 'a', 2), ('tokens', 'a', 2),
    ('rate_limit', 'a', 4), ('slot', 'a', 4), ('concurrency_limit', 'a', 5);
select is(gendurable._runs_rung(2, 9, 10), '{2,4,5}', 'each once, from one on and before another one');
select is(gendurable._runs_rung(2, 99, 2), '{2,4}', 'no more than asked for');
select is(gendurable._runs_rung(10, 99, 2), '{}', 'or none');

select * from finish();
rollback;
