-- The floor of a key is its latest.
begin;
select plan(3);

insert into gendurable.busy_floors (key, since) values ('k', '2030-01-01'), ('k', '2030-01-03'), ('k', '2030-01-02'),
    ('k:1', '2030-01-04');
select results_eq($$ select since from gendurable._busy_floor('k') $$, $$
    values (timestamptz '2030-01-03') $$, 'the latest counts');
select results_eq($$ select since from gendurable._busy_floor('k:1') $$, $$
    values (timestamptz '2030-01-04') $$, 'every key has its own');
select is_empty($$ select since from gendurable._busy_floor('l') $$, 'a key that is seldom used has none');

select * from finish();
rollback;
