-- Values whose text may be too long for a text.
begin;
select plan(2);

select is(gendurable._large_json_size(to_jsonb(repeat(e'\x01', 100))), 602::bigint, 'the bytes of the text');
select is(gendurable._large_json_size(to_jsonb(repeat(e'\x01', 180000000))), 1073741824::bigint,
    'a gigabyte where there can be no such text');

select * from finish();
rollback;
