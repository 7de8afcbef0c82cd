-- _checked_zone: a time zone that the server knows.
begin;
\ir ../prelude.psql
select plan(3);

select is(gendurable._checked_zone('Europe/Berlin'), 'Europe/Berlin', 'a name');
select is(pg_temp.refusal($$ select gendurable._checked_zone('Europe/Berln') $$), 'GD002 timezone ''Europe/Berln''',
    'no name');
select is(pg_temp.refusal($$ select gendurable._checked_zone('') $$), 'GD002 timezone ''''', 'nothing');

select * from finish();
rollback;
