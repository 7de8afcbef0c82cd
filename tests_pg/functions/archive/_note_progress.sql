-- What a slice leaves is noted.
begin;
select plan(4);

select gendurable._note_progress(row('t', '64', 7, false)) \g /dev/null
select is(to_jsonb(gendurable._read_progress('t')), '{"task": "t", "position": "64", "found": 7, "clean": false}',
    'it is read again');
select gendurable._note_progress(row('t', '128', 8, true)) \g /dev/null
select is((select string_agg(p.position, ' ') from gendurable.progress as p), '128', 'the latest counts');
select gendurable._note_progress(row('t', '0', 0, true)) \g /dev/null
select is_empty('select from gendurable.progress', 'the beginning needs no note');
select lives_ok($$ select gendurable._note_progress(row('sweep', '', 0, true)) $$, 'none was there');

select * from finish();
rollback;
