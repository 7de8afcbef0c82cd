-- Refuses a page of which instance is not said, or that would have a negative number of rows.
--
-- Errors: GD001, GD002.
create function gendurable._check_page(p_argument text, p_id bigint, p_most int) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_id is null then
        perform gendurable._refuse('GD001', format('%s is required', p_argument),
                                   'Name the instance by its id.');
    elsif p_most < 0 then
        perform gendurable._refuse('GD002', format('most is %s', p_most),
                                   'Ask for zero rows or more.');
    end if;
end
$$;
comment on function gendurable._check_page(text, bigint, int)
    is 'Refuses a page without an instance, or with a negative number of rows.';
