-- Where a task goes on.
begin;
select plan(2);

select is(to_jsonb(gendurable._read_progress('t')), '{"task": "t", "position": "0", "found": 0, "clean": true}',
    'at the beginning, where nothing is noted');
insert into gendurable.progress (task, position, found, clean) values ('t', '64', 7, false);
select is(to_jsonb(gendurable._read_progress('t')), '{"task": "t", "position": "64", "found": 7, "clean": false}',
    'where the call before it stopped');

select * from finish();
rollback;
