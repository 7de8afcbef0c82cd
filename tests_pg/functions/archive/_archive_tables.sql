-- The tables of the archive, the newest first.
begin;
select plan(2);
select is(gendurable._archive_tables()::text, '{gendurable.finished_default,gendurable.kept}',
    'as installed: what has no partition, and what outlives its own');
create table gendurable.finished_20200101_000000 (like gendurable.finished);
create table gendurable.finished_20200201_000000 (like gendurable.finished);
create table gendurable.finished_99990101_000000 (like gendurable.finished);
alter table gendurable.finished attach partition gendurable.finished_20200101_000000 for values
    from ('2020-01-01') to ('2020-02-01');
alter table gendurable.finished attach partition gendurable.finished_20200201_000000 for values
    from ('2020-02-01') to ('2020-03-01');
alter table gendurable.finished attach partition gendurable.finished_99990101_000000 for values
    from ('9999-01-01') to ('9999-02-01');
select is(gendurable._archive_tables()::text,
    '{gendurable.finished_default,gendurable.finished_20200201_000000,gendurable.finished_20200101_000000,'
    'gendurable.kept}',
    'the newest first, without those that are to come');
select * from finish();
rollback;
